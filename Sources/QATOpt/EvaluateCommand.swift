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
    let graph = try GraphFiles.read(model, registry: QatOpt.tools.ops)
    let set = try load(data, for: graph, split: .test)
    let result = try accuracy(of: graph, on: set, batch: batch, threads: threads)
    Terminal.print(
      json
        ? "{\"accuracy\": \(result.correct * 100 / Double(max(result.count, 1))), \"count\": \(result.count)}"
        : "accuracy \(fixed(100 * result.correct / Double(max(result.count, 1)), 2)) % of \(result.count)")
  }
}

/// How many samples a model classifies rightly: the largest element of its first output is the label.
func accuracy(
  of graph: Graph, on data: any DataSet, batch: Int = 256, threads: Int = 0
) throws(Diagnostic) -> (correct: Double, count: Int) {
  let session = try Session(graph, threads: threads)
  var correct = 0.0
  for start in stride(from: 0, to: data.count, by: max(batch, 1)) {
    let part = try data.batch(Array(start..<min(start + batch, data.count)))
    guard let labels = part.labels?.integers, labels.count == part.count else {
      throw Diagnostic(
        .invalidData, "the data has no class numbers", hint: "an .npz holds them as 'labels'")
    }
    guard let scores = try session.run(part.inputs).first, let numbers = scores.doubles,
      scores.shape.first == part.count
    else { throw Diagnostic(.invalidData, "the first output has no row for each sample") }
    let classes = numbers.count / max(part.count, 1)
    for (row, label) in labels.enumerated() {
      let scores = numbers[(row * classes)..<((row + 1) * classes)]
      guard let best = scores.indices.max(by: { scores[$0] < scores[$1] }) else { continue }
      if best - row * classes == label { correct += 1 }
    }
  }
  return (correct, data.count)
}
