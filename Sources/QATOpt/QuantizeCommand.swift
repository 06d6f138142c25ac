import ArgumentParser
import QAT

/// `qat-opt quantize MODEL --data DATA [--epochs N] -o OUT`: the float model to integers in one call, by
/// post-training quantization or by quantization-aware training.
struct QuantizeCommand: DiagnosedCommand {
  static let configuration = CommandConfiguration(
    commandName: "quantize", abstract: "Quantize a model: calibrate, round, lower, write.")

  @Argument(help: "The float model: .onnx or .qir.") var model: String
  @Option(name: .shortAndLong, help: "Where the quantized model goes.") var output: String
  @Option(help: "Epochs of quantization-aware training; 0 for post-training quantization.")
  var epochs = 0
  @Option(
    help:
      "qdq (QuantizeLinear and DequantizeLinear), qoperator (QLinearConv, …), dynamic (activations quantized when running), weight-only or matmulnbits (activations in float). qdq where left out; weight-only for the preset int4-aggressive."
  )
  var format: QuantizeFormat?
  @Option(help: "Where the model is to run.") var target = "ort-cpu"
  @OptionGroup var outputOptions: OutputOptions
  @OptionGroup var quantization: QuantizationOptions
  @OptionGroup var training: TrainOptions
  @OptionGroup var instruments: InstrumentOptions
  @OptionGroup var fallback: FallbackOptions

  func validate() throws {
    let needsRanges = form.observesActivations && quantization.calibration == nil
    if quantization.data == nil && (needsRanges || epochs > 0) {
      throw ValidationError("give --data (or, without training, --calibration)")
    }
    if epochs == 0 && training.distillation.distill {
      throw ValidationError("--distill trains: give --epochs, 1 or more")
    }
    if epochs == 0 && training.telemetry.telemetry != nil {
      throw ValidationError("--telemetry watches training: give --epochs, 1 or more")
    }
    if epochs < 0 { throw ValidationError("--epochs must be 0 or more") }
    if let drop = fallback.maxDrop {
      if drop < 0 { throw ValidationError("--max-drop must be 0 or more") }
      if training.validation == nil { throw ValidationError("--max-drop needs --validation") }
      if training.resume != nil {
        throw ValidationError("--max-drop and --resume exclude each other")
      }
    } else if fallback.writeConfig != nil {
      throw ValidationError("--write-config goes with --max-drop")
    }
    if target != "ort-cpu" { throw ValidationError("unknown target '\(target)'; known: ort-cpu") }
  }

  /// The format asked for, or the one that goes with the preset.
  private var form: QuantizedForm {
    format?.form
      ?? (quantization.preset == QuantizationConfig.Preset.int4Aggressive.rawValue
        ? .weightOnly : .qdq)
  }

  func execute() throws(Diagnostic) {
    let tools = QatOpt.tools
    let graph = try GraphFiles.read(model, registry: tools.ops)
    var context = PassContext(registry: tools.ops)
    context.threads = training.threads
    try quantization.prepare(
      &context, for: graph, base: epochs == 0 ? .postTraining : .recommended)
    let running = try instruments.instruments(for: graph, quantization)
    defer { running.report() }
    var preparer = QATPreparer(
      context: context, passes: tools.passes, instruments: running.all)
    let result: Graph
    if fallback.maxDrop != nil {
      let start = preparer
      result = try fallback.search(
        graph, context, to: form, validation: training.validation ?? "", training: training
      ) { config throws(Diagnostic) in
        preparer = start
        preparer.config = config
        return try quantize(graph, &preparer)
      }
    } else {
      result = try quantize(graph, &preparer)
    }
    try quantization.saveRanges(preparer.context)
    for remark in preparer.remarks { Terminal.error(remark.description) }
    try result.verify(evaluation: true)
    try outputOptions.write(result, to: output)
  }

  /// The model by the preparer's configuration, with or without training.
  private func quantize(
    _ graph: Graph, _ preparer: inout QATPreparer
  ) throws(Diagnostic) -> Graph {
    let form = form
    if epochs == 0 { return try preparer.quantize(graph, to: form) }
    let data = try load(quantization.data ?? "", for: graph)
    let prepared = try preparer.prepareForQAT(graph, for: form)
    let trained = try train(prepared, on: data, float: graph)
    return try preparer.convertToQuantized(trained, to: form)
  }

  private func train(
    _ graph: Graph, on set: any DataSet, float: Graph
  ) throws(Diagnostic) -> Graph {
    let saved = try training.resume.map { path throws(Diagnostic) in try Checkpoint(path: path) }
    var options = training
    var settings = RunSettings(resuming: saved)
    var (epochs, data) = (Optional(epochs), quantization.data)
    do throws(Diagnostic) {
      try settings.merge(&epochs, "epochs")
      settings.prefer(&data, "data")
      try options.resolve(&settings)
    } catch { throw error.at(training.resume ?? "") }
    return try options.train(
      graph, on: set, epochs: self.epochs, float: float, saved: saved, settings: settings,
      pipeline: "qat-prepare"
    ).graph
  }
}
