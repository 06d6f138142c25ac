import QATCore
import QATIR
import QATRuntime

/// What a model gives on some data: its outputs, and how good they are.
public struct Probe: Sendable {
  /// Batch by batch, each in the order of the graph's outputs.
  public var outputs: [[AnyTensor]]
  /// Higher is better (accuracy, 0…1); `nil` where the data can't tell.
  public var score: Double?

  public init(outputs: [[AnyTensor]], score: Double? = nil) {
    self.outputs = outputs
    self.score = score
  }

  /// Runs a graph over the first batches of calibration data.
  init(
    _ graph: Graph, on data: CalibrationData, batches: Int, threads: Int = 0
  ) throws(Diagnostic) {
    let session = try Session(graph, threads: threads)
    outputs = []
    for batch in data.batches() {
      if batches > 0 && outputs.count == batches { break }
      outputs.append(try session.run(try batch.get()))
    }
  }

  /// How far another model's outputs are from these: Σ (x - y)² / Σ x² of each float output, the mean
  /// over the outputs.
  func noise(of other: Probe) throws(Diagnostic) -> Double {
    var comparisons: [Int: TensorComparison] = [:]
    for (mine, theirs) in zip(outputs, other.outputs) {
      for (index, pair) in zip(mine, theirs).enumerated() {
        guard pair.0.element.isFloatingPoint, let x = pair.0.doubles, let y = pair.1.doubles,
          x.count == y.count
        else { continue }
        comparisons[index, default: TensorComparison()].add(x, y)
      }
    }
    guard !comparisons.isEmpty else {
      throw Diagnostic(
        .invalidData, "there are no outputs to compare",
        hint: "the model needs a float output, and the data a sample")
    }
    let sum = comparisons.sorted { $0.key < $1.key }.reduce(0) { $0 + $1.value.relativeNoise }
    return sum / Double(comparisons.count)
  }
}

/// How good a graph is on data of the caller's, for passes that must meet a budget of accuracy: put it
/// into the context.
public struct ModelScore: Sendable {
  /// Higher is better: accuracy, 0…1.
  public let measure: @Sendable (Graph) throws(Diagnostic) -> Double

  /// A score that a function measures.
  public init(_ measure: @escaping @Sendable (Graph) throws(Diagnostic) -> Double) {
    self.measure = measure
  }
}
