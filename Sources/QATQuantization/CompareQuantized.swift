import QATCore
import QATData
import QATIR
import QATPasses
import QATRuntime
import QATTraining

/// How far two models are apart on some data.
public struct ModelComparison: Sendable, Equatable {
  /// A value that both models compute under one name and in one shape.
  public struct Value: Sendable, Equatable {
    /// The name in the second model.
    public var name: String
    /// How far the two are apart.
    public var comparison: TensorComparison
  }

  /// In the order of the second model.
  public var values: [Value]
  /// The outputs, in order, whatever their names.
  public var outputs: [Value]
  /// Of each model on the same samples; `accuracy` is `nil` without class numbers as labels.
  public var first: Metrics, second: Metrics

  /// The first model's accuracy less the second's, in points; `nil` without labels.
  public var drop: Double? {
    guard let a = first.accuracy, let b = second.accuracy else { return nil }
    return 100 * (a - b)
  }
}

/// Compares a quantized model with the float one it comes from: the accuracy of both, and for every
/// value of one name and shape the signal against the noise, the largest difference, the share of
/// equal numbers.
///
/// Values are those of the graphs as they are; accuracies are those of the integer regions, the way a
/// runtime fuses them. Memory does not grow with the samples.
///
/// - Parameters:
///   - float: the model whose values are the signal.
///   - data: with or without labels.
///   - samples: how many of the data to run, from the front; 0 for all.
/// - Throws: `invalid-data` where the models have nothing in common; what running throws.
public func compareQuantized(
  _ float: Graph, _ quantized: Graph, on data: any DataSet, samples: Int = 0, batchSize: Int = 64,
  threads: Int = 0
) throws(Diagnostic) -> ModelComparison {
  let count = samples == 0 ? data.count : min(samples, data.count)
  let part = SubsetDataSet(data, Array(0..<count))
  let evaluator = Evaluator(batchSize: batchSize, threads: threads)
  var run = LockstepRun(
    try Session(float, watching: nil, threads: threads),
    try Session(quantized, watching: nil, threads: threads))
  let bound = try part.bound(to: float.modelFields)
  let size = data.holdsRuns ? 1 : float.batchSize(quantized.batchSize(max(batchSize, 1)))
  for start in stride(from: 0, to: count, by: size) {
    let batch = try bound.batch(Array(start..<min(start + size, count)))
    try run.add(batch.inputs)
  }
  let (values, outputs) = run.results
  guard !values.isEmpty || !outputs.isEmpty else {
    throw Diagnostic(
      .invalidData, "the models have no values of one name and shape",
      hint: "compare a model with one that was made from it")
  }
  return ModelComparison(
    values: values, outputs: outputs,
    first: try evaluator.evaluate(float.formingIntegerRegions(), part),
    second: try evaluator.evaluate(quantized.formingIntegerRegions(), part))
}

/// Two sessions on the same batches, and the comparisons of their values.
private struct LockstepRun {
  private let left: Session, right: Session
  /// Values of the second model that the first one has by name.
  private let names: [String]
  private var comparisons: [String: TensorComparison] = [:]
  private var outputs: [Int: TensorComparison] = [:]

  init(_ left: Session, _ right: Session) {
    self.left = left
    self.right = right
    let graph = right.graph
    names = graph.nodes.flatMap { graph[$0].results.compactMap { $0 } }.map { graph[$0].name }
      .filter { left.graph.value(named: $0) != nil }
  }

  mutating func add(_ inputs: [String: AnyTensor]) throws(Diagnostic) {
    let a = try left.run(inputs), b = try right.run(inputs)
    for name in names {
      guard let x = left.value(name), let y = right.value(name) else { continue }
      Self.add(x, y, to: &comparisons[name])
    }
    for (index, pair) in zip(a, b).enumerated() { Self.add(pair.0, pair.1, to: &outputs[index]) }
  }

  var results: (values: [ModelComparison.Value], outputs: [ModelComparison.Value]) {
    let graph = right.graph
    return (
      names.compactMap { name in comparisons[name].map { .init(name: name, comparison: $0) } },
      graph.outputs.indices.compactMap { index in
        outputs[index].map { .init(name: graph[graph.outputs[index]].name, comparison: $0) }
      }
    )
  }

  private static func add(_ x: AnyTensor, _ y: AnyTensor, to comparison: inout TensorComparison?) {
    guard x.shape == y.shape, let p = x.doubles, let q = y.doubles else { return }
    var sum = comparison ?? TensorComparison()
    sum.add(p, q)
    comparison = sum
  }
}

extension ModelComparison: CustomStringConvertible {
  /// A line a value; below, the accuracy of both models.
  public var description: String {
    var rows = [["value", "elements", "SQNR dB", "max difference", "equal"]]
    for value in values {
      let comparison = value.comparison
      rows.append([
        value.name, "\(comparison.count)", fixed(comparison.sqnr, 1),
        fixed(comparison.maxDifference, 6), fixed(100 * comparison.equalShare, 2) + " %",
      ])
    }
    var text = table(rows)
    if let a = first.accuracy, let b = second.accuracy {
      text +=
        "\naccuracy \(fixed(100 * a, 2)) % and \(fixed(100 * b, 2)) % of \(first.count), "
        + "\(fixed(100 * (a - b), 2)) points apart"
    }
    return text
  }
}
