import ArgumentParser
import QAT

/// `qat-opt evaluate MODEL --data DATA`: accuracy.
struct EvaluateCommand: DiagnosedCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Measure a model's accuracy on labelled data.")

  @Argument(help: "The model: .onnx or .qir.") var model: String
  @Option(help: "Labelled data; of mnist, cifar10 and digits the test part.") var data: String
  @Option(help: "Samples in a batch.") var batch = 256
  @Option(help: "Threads; 0 for one on each core.") var threads = 0
  @Flag(help: "Print JSON.") var json = false

  func execute() throws(Diagnostic) {
    let graph = try GraphFiles.read(model, registry: QatOpt.tools.ops).formingIntegerRegions()
    let set = try load(data, for: graph, split: .test)
    let metrics = try Evaluator(batchSize: batch, threads: threads).evaluate(graph, set)
    guard let accuracy = metrics.accuracy else {
      throw Diagnostic(
        .invalidData, "the data has no class numbers", at: data,
        hint: "an .npz holds them as 'labels'")
    }
    Terminal.print(
      json
        ? "{\"accuracy\": \(accuracy), \"count\": \(metrics.count)}"
        : "accuracy \(fixed(100 * accuracy, 2)) % of \(metrics.count)")
  }
}
