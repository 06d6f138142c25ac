import ArgumentParser
import QAT

/// What `sensitivity` and `assign-bits` share: which widths, on which samples.
struct SensitivityOptionGroup: ParsableArguments {
  @Option(
    help: "Data to measure on, with labels for accuracies; the calibration data where left out.")
  var validation: String?
  @Option(help: "Samples to measure on; 0 for all.") var limit = 1000
  @Option(help: "Decides which samples.") var seed: UInt64 = 0
  @Option(help: "Samples in a batch.") var batch = 256
  @Option(help: "Threads; 0 for one on each core.") var threads = 0

  func validate() throws {
    if limit < 0 || batch < 1 {
      throw ValidationError("--limit must be 0 or more, --batch 1 or more")
    }
  }

  /// Everything that measuring takes.
  struct Run {
    var graph: Graph
    var preparer: QATPreparer
    var data: BoundDataSet
    var options: SensitivityOptions
  }

  func run(
    _ model: String, _ quantization: QuantizationOptions, widths: String?
  ) throws(Diagnostic) -> Run {
    var options = SensitivityOptions()
    options.widths = try widths.map { text throws(Diagnostic) in try LayerWidth.list(text) } ?? []
    options.samples = limit
    options.seed = seed
    options.evaluator = Evaluator(batchSize: batch, threads: threads)
    options.progress = Progress.showMeasuring
    let tools = QatOpt.tools
    let graph = try GraphFiles.read(model, registry: tools.ops)
    var context = PassContext(registry: tools.ops)
    context.threads = threads
    try quantization.prepare(&context, for: graph, base: .postTraining)
    let data = try load(
      validation ?? quantization.data ?? "", for: graph, split: validation == nil ? .train : .test)
    return Run(
      graph: graph, preparer: QATPreparer(context: context, passes: tools.passes), data: data,
      options: options)
  }
}
