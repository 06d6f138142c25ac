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
  @Option(
    help:
      "float (simulated), integer or auto; the model as it is, its QDQ regions on integers, where left out."
  )
  var mode: String?
  @Flag(help: "Print JSON.") var json = false

  func execute() throws(Diagnostic) {
    let graph = try GraphFiles.read(model, registry: QatOpt.tools.ops)
    let set = try load(data, for: graph, split: .test)
    let metrics = try Evaluator(batchSize: batch).evaluate(try session(graph), set)
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

  private func session(_ graph: Graph) throws(Diagnostic) -> Session {
    guard let mode else { return try Session(graph.preparedToRun(), threads: threads) }
    guard let wanted = Session.Mode(rawValue: mode) else {
      throw Diagnostic(
        .invalidOption, "--mode \(mode)",
        hint: "expected \(Session.Mode.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return try Session(graph, mode: wanted, threads: threads)
  }
}
