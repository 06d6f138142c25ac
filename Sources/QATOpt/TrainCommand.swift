import ArgumentParser
import QAT

/// `qat-opt train MODEL --data DATA`: trains a model in float, or with fake-quantizers.
/// `qat-opt train --resume FILE`: goes on with a run that was interrupted, as it was started.
struct TrainCommand: DiagnosedCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train a model, in float or quantization-aware.")

  @Argument(help: "The model: .onnx or .qir; needless where a run is resumed.") var model: String?
  @Option(name: .shortAndLong, help: "Where the trained model goes.") var output: String
  @Option(help: "Epochs. (default: 1)") var epochs: Int?
  @Flag(help: "Train with fake-quantizers; the result still holds them.") var qat = false
  @OptionGroup var quantization: QuantizationOptions
  @OptionGroup var training: TrainOptions

  func validate() throws {
    if model == nil && training.resume == nil { throw ValidationError("give a model, or --resume") }
    if quantization.data == nil && training.resume == nil { throw ValidationError("give --data") }
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
    settings.prefer(&quantization.data, "data")
    try training.resolve(&settings)
  }

  private func train(_ saved: Checkpoint?, _ settings: RunSettings) throws(Diagnostic) {
    let (graph, pipeline, delay) = try begin(saved)
    var settings = settings
    var kept: Int? = delay
    settings.prefer(&kept, Self.delayKey)
    let data = try load(quantization.data ?? "", for: graph)
    let (trained, history) = try training.train(
      graph, on: data, epochs: epochs ?? 1, delay: delay, saved: saved, settings: settings,
      pipeline: pipeline)
    try GraphFiles.write(trained, to: output)
    if let last = history.epochs.last {
      Terminal.print("loss \(fixed(last.loss, 5)) after \(history.steps) steps")
    }
  }

  private static let delayKey = "quantization-delay"

  /// The graph to train, what made it, and the steps before its quantizers round.
  private func begin(
    _ saved: Checkpoint?
  ) throws(Diagnostic) -> (graph: Graph, pipeline: String, delay: Int) {
    let tools = QatOpt.tools
    if let saved, !saved.graphText.isEmpty {
      let delay = saved.settings[Self.delayKey].flatMap { Int($0) } ?? 0
      do throws(Diagnostic) {
        return (try saved.graph(registry: tools.ops), saved.pipeline, delay)
      } catch { throw error.at(training.resume ?? "") }
    }
    guard let model else {
      throw Diagnostic(
        .invalidOption, "the checkpoint holds no graph", at: training.resume,
        hint: "name the model it was made of")
    }
    var graph = try GraphFiles.read(model, registry: tools.ops)
    var context = PassContext(registry: tools.ops)
    try quantization.prepare(&context, for: graph)
    let text = qat ? "qat-prepare" : "canonicalize,fold-constants,canonicalize,make-trainable"
    try Pipeline(text, registry: tools.passes).run(on: &graph, &context)
    return (graph, text, qat ? context[QuantizationConfig.self]?.quantizationDelay ?? 0 : 0)
  }
}
