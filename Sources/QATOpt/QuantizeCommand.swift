import ArgumentParser
import QAT

/// `qat-opt quantize MODEL --data DATA [--epochs N] -o OUT`: the float model to integers in one call, by
/// post-training quantization or by quantization-aware training.
struct QuantizeCommand: DiagnosedCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable { case qdq, qoperator }

  static let configuration = CommandConfiguration(
    commandName: "quantize", abstract: "Quantize a model: calibrate, round, lower, write.")

  @Argument(help: "The float model: .onnx or .qir.") var model: String
  @Option(name: .shortAndLong, help: "Where the quantized model goes.") var output: String
  @Option(help: "Epochs of quantization-aware training; 0 for post-training quantization.")
  var epochs = 0
  @Option(help: "qdq (QuantizeLinear and DequantizeLinear) or qoperator (QLinearConv, …).")
  var format = Format.qdq
  @Option(help: "Where the model is to run.") var target = "ort-cpu"
  @OptionGroup var quantization: QuantizationOptions
  @OptionGroup var training: TrainOptions
  @OptionGroup var instruments: InstrumentOptions

  func validate() throws {
    if quantization.data == nil { throw ValidationError("give --data") }
    if epochs < 0 { throw ValidationError("--epochs must be 0 or more") }
    if target != "ort-cpu" { throw ValidationError("unknown target '\(target)'; known: ort-cpu") }
  }

  func execute() throws(Diagnostic) {
    let tools = QatOpt.tools
    var graph = try GraphFiles.read(model, registry: tools.ops)
    var context = PassContext(registry: tools.ops)
    try quantization.prepare(&context, for: graph)
    let running = try instruments.instruments(for: graph, quantization)
    defer { running.report() }
    let lowering = format == .qdq ? "lower-qdq" : "lower-qoperator"
    if epochs == 0 {
      let pipeline = try Pipeline("ptq,\(lowering)", registry: tools.passes)
      try pipeline.run(on: &graph, &context, instruments: running.all)
    } else {
      let data = try load(quantization.data ?? "", for: graph)
      try Pipeline("qat-prepare", registry: tools.passes).run(
        on: &graph, &context, instruments: running.all)
      let delay = context[QuantizationConfig.self]?.quantizationDelay ?? 0
      graph = try train(graph, on: data, delay: delay)
      try Pipeline("qat-finish,\(lowering)", registry: tools.passes)
        .run(on: &graph, &context, instruments: running.all)
    }
    for remark in context.remarks { Terminal.error(remark.description) }
    try graph.verify(evaluation: true)
    try GraphFiles.write(graph, to: output)
  }

  private func train(
    _ graph: Graph, on set: any DataSet, delay: Int
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
      graph, on: set, epochs: self.epochs, delay: delay, saved: saved, settings: settings,
      pipeline: "qat-prepare"
    ).graph
  }
}
