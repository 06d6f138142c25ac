import ArgumentParser
import QAT

/// `qat-opt train MODEL --data DATA`: trains a model in float, or with fake-quantizers.
struct TrainCommand: DiagnosedCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train a model, in float or quantization-aware.")

  @Argument(help: "The model: .onnx or .qir.") var model: String
  @Option(name: .shortAndLong, help: "Where the trained model goes.") var output: String
  @Option(help: "Epochs.") var epochs = 1
  @Flag(help: "Train with fake-quantizers; the result still holds them.") var qat = false
  @OptionGroup var quantization: QuantizationOptions
  @OptionGroup var training: TrainOptions

  func validate() throws {
    if quantization.data == nil { throw ValidationError("give --data") }
    if epochs < 1 { throw ValidationError("--epochs must be 1 or more") }
  }

  func execute() throws(Diagnostic) {
    let tools = QatOpt.tools
    var graph = try GraphFiles.read(model, registry: tools.ops)
    var context = PassContext(registry: tools.ops)
    try quantization.prepare(&context, for: graph)
    let data = try load(quantization.data ?? "", for: graph)
    let text = qat ? "qat-prepare" : "canonicalize,fold-constants,canonicalize,make-trainable"
    try Pipeline(text, registry: tools.passes).run(on: &graph, &context)
    try quantization.saveRanges(context)
    let delay = qat ? context[QuantizationConfig.self]?.quantizationDelay ?? 0 : 0
    let (trained, history) = try training.train(graph, on: data, epochs: epochs, delay: delay)
    try GraphFiles.write(trained, to: output)
    if let last = history.epochs.last {
      Terminal.print("loss \(fixed(last.loss, 5)) after \(history.steps) steps")
    }
  }
}
