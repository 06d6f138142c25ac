import ArgumentParser
import QAT

/// `qat-opt train MODEL --data DATA`: trains a model in float, or with fake-quantizers.
/// `qat-opt train --resume FILE`: goes on with a run that was interrupted, as it was started.
struct TrainCommand: DiagnosedCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train a model, in float or quantization-aware.")

  @Argument(help: "The model: .onnx or .qir; needless where a run is resumed.") var model: String?
  @Option(name: .shortAndLong, help: "Where the trained model goes.") var output: String?
  @Option(help: "Epochs. (default: 1)") var epochs: Int?
  @Flag(help: "Train with fake-quantizers; the result still holds them.") var qat = false
  @OptionGroup var outputOptions: OutputOptions
  @OptionGroup var quantization: QuantizationOptions
  @OptionGroup var training: TrainOptions
  @OptionGroup var bench: TrainBenchOptions

  func validate() throws {
    if model == nil && training.resume == nil { throw ValidationError("give a model, or --resume") }
    if quantization.data == nil && training.resume == nil && !bench.bench {
      throw ValidationError("give --data")
    }
    if output == nil && !bench.bench { throw ValidationError("give --output") }
    if training.resume == nil && training.distillation.distill && !qat
      && training.distillation.teacher == nil
    {
      throw ValidationError(
        "--distill in float needs --teacher: a model has nothing to learn of itself")
    }
    if epochs.map({ $0 < 1 }) == true { throw ValidationError("--epochs must be 1 or more") }
  }

  func execute() throws(Diagnostic) {
    let saved = try training.resume.map { path throws(Diagnostic) in try Checkpoint(path: path) }
    var run = self
    var settings = RunSettings(resuming: saved)
    do throws(Diagnostic) { try run.resolve(&settings) } catch {
      throw error.at(training.resume ?? "")
    }
    try run.train(saved, settings)
  }

  /// Takes over what was not given from the run that is resumed.
  private mutating func resolve(_ settings: inout RunSettings) throws(Diagnostic) {
    try settings.merge(&model, "model")
    try settings.merge(&epochs, "epochs", default: 1)
    try settings.merge(&qat, "qat")
    try settings.merge(&quantization.config, "config")
    try settings.merge(&quantization.preset, "preset")
    try settings.merge(&quantization.calibration, "calibration")
    try settings.merge(&quantization.calibrationBatch, "calibration-batch", 32)
    try settings.merge(&quantization.calibrationBatches, "calibration-batches", 32)
    settings.prefer(&quantization.data, "data")
    try training.resolve(&settings)
  }

  private func train(_ saved: Checkpoint?, _ settings: RunSettings) throws(Diagnostic) {
    let start = try begin(saved)
    if bench.bench {
      return try bench.run(
        try training.step(start.graph, float: start.float), on: start.data,
        batch: training.batchSize, threads: training.threads)
    }
    let (trained, history) = try training.train(
      start.graph, on: start.data, epochs: epochs ?? 1, float: start.float, saved: saved,
      settings: settings, pipeline: start.pipeline)
    if let output { try outputOptions.write(trained, to: output) }
    if let last = history.epochs.last {
      Terminal.print("loss \(fixed(last.loss, 5)) after \(history.steps) steps")
    }
  }

  /// What a run starts from.
  private struct Start {
    /// What is trained, and the model before it was prepared.
    var graph: Graph, float: Graph
    var data: any DataSet
    /// What made the graph.
    var pipeline: String
  }

  private func begin(_ saved: Checkpoint?) throws(Diagnostic) -> Start {
    let tools = QatOpt.tools
    if let saved, !saved.graphText.isEmpty {
      let graph: Graph
      do throws(Diagnostic) { graph = try saved.graph(registry: tools.ops) } catch {
        throw error.at(training.resume ?? "")
      }
      var start = Start(
        graph: graph, float: graph, data: try load(quantization.data ?? "", for: graph),
        pipeline: saved.pipeline)
      if let model, training.distillation.distill && training.distillation.teacher == nil {
        start.float = try GraphFiles.read(model, registry: tools.ops)
      }
      return start
    }
    guard let model else {
      throw Diagnostic(
        .invalidOption, "the checkpoint holds no graph", at: training.resume,
        hint: "name the model it was made of")
    }
    var graph = try GraphFiles.read(model, registry: tools.ops)
    let float = graph
    var context = PassContext(registry: tools.ops)
    var quantization = quantization
    if bench.bench && quantization.data == nil {
      quantization.data = TrainBenchOptions.data(for: graph, batch: training.batchSize)
    }
    context.threads = training.threads
    try quantization.prepare(&context, for: graph)
    let data = try load(quantization.data ?? "", for: graph)
    let text = qat ? "qat-prepare" : "canonicalize,fold-constants,canonicalize,make-trainable"
    if qat {
      var preparer = QATPreparer(context: context, passes: tools.passes)
      graph = try preparer.prepareForQAT(graph)
      context = preparer.context
    } else {
      try Pipeline(text, registry: tools.passes).run(on: &graph, &context)
    }
    try quantization.saveRanges(context)
    return Start(graph: graph, float: float, data: data, pipeline: text)
  }
}
