import QATCore
import QATData
import QATIR
import QATPasses
import QATRuntime

/// How well a model does on data.
public struct Metrics: Sendable, Equatable {
  /// The mean over all samples; `nil` where none was asked for, or the data has no labels.
  public var loss: Double?
  /// The share of samples whose largest output is that of their label, 0…1; `nil` without class
  /// numbers as labels.
  public var accuracy: Double?
  /// Samples seen.
  public var count: Int

  public init(loss: Double? = nil, accuracy: Double? = nil, count: Int = 0) {
    self.loss = loss
    self.accuracy = accuracy
    self.count = count
  }
}

/// Runs models over data and counts; changes no variable.
///
///     let metrics = try Evaluator(loss: .crossEntropy).evaluate(graph, data)
public struct Evaluator: Sendable {
  /// Samples a batch; a model whose batch has a fixed size is given that one.
  public var batchSize: Int
  /// The loss to compute besides.
  public var loss: (any Loss)?
  /// The output that loss and accuracy look at; the first where empty.
  public var output: String
  /// 0 for one on each core that the process may use.
  public var threads: Int

  public init(
    batchSize: Int = 256, loss: (any Loss)? = nil, output: String = "", threads: Int = 0
  ) {
    self.batchSize = batchSize
    self.loss = loss
    self.output = output
    self.threads = threads
  }

  /// Runs a graph in evaluation form, float or integer, over all samples.
  /// - Throws: where data and model do not fit; `unknown-name` for an output that is none.
  public func evaluate(_ graph: Graph, _ data: any DataSet) throws(Diagnostic) -> Metrics {
    if let loss {
      var step = graph
      let targets = try step.attachLoss(loss, output: output)
      if targets.isEmpty || !data.targets.isEmpty {
        return try evaluate(Session(step.channelsLast(), threads: threads), data, targets)
      }
    }
    return try evaluate(Session(graph.channelsLast(), threads: threads), data)
  }

  /// Runs a session's graph over all samples; no loss is computed.
  /// - Parameter observe: called with the outputs of each batch.
  public func evaluate(
    _ session: Session, _ data: any DataSet,
    observe: ([AnyTensor]) throws(Diagnostic) -> Void = { _ in }
  ) throws(Diagnostic) -> Metrics {
    try evaluate(session, data, nil, observe)
  }

  private func evaluate(
    _ session: Session, _ data: any DataSet, _ targets: [LossBuilder.Target]?,
    _ observe: ([AnyTensor]) throws(Diagnostic) -> Void = { _ in }
  ) throws(Diagnostic) -> Metrics {
    let graph = session.graph
    let first = targets == nil ? 0 : 1
    let names = graph.outputs.dropFirst(first).map { graph[$0].name }
    guard let index = output.isEmpty ? names.indices.first : names.firstIndex(of: output) else {
      throw Diagnostic(
        .unknownName, "the model has no output '\(output)'", hint: nameHint(output, among: names))
    }
    let bound = try data.bound(
      to: graph.modelFields.filter { field in
        !(targets ?? []).contains { $0.input == field.name }
      })
    let size = try bound.holdsRuns ? 1 : checkedBatchSize(graph)
    var total = 0.0, hits = ClassHits(), count = 0
    while count < bound.count {
      let batch = try bound.batch(Array(count..<min(count + size, bound.count)))
      let labels = batch.target(of: names[index])
      var inputs = batch.inputs
      for target in targets ?? [] { inputs[target.input] = batch.tensor(for: target) }
      let outputs = try session.run(inputs)
      if targets != nil { total += (outputs[0].doubles?.first ?? .nan) * Double(batch.count) }
      if let labels { hits.add(outputs[first + index], labels) }
      try observe(outputs)
      count += batch.count
    }
    return Metrics(
      loss: targets == nil || count == 0 ? nil : total / Double(count), accuracy: hits.share,
      count: count)
  }

  private func checkedBatchSize(_ graph: Graph) throws(Diagnostic) -> Int {
    guard batchSize > 0 else {
      throw Diagnostic(.invalidOption, "batches of \(batchSize) samples", hint: "at least 1")
    }
    return graph.batchSize(batchSize)
  }
}

/// Counts where the largest element along the last axis is that of the label.
private struct ClassHits {
  private var right = 0
  private var seen = 0
  private var applies = true

  var share: Double? { applies && seen > 0 ? Double(right) / Double(seen) : nil }

  /// Of equal elements the first counts; NaN is never the largest.
  mutating func add(_ output: AnyTensor, _ labels: AnyTensor) {
    guard applies, let classes = output.shape.last, classes > 0, labels.element.isInteger,
      let wanted = labels.integers, wanted.count * classes == output.elementCount,
      let scores = output.elements(as: Float.self) ?? output.doubles?.map({ Float($0) })
    else {
      applies = false
      return
    }
    for (row, label) in wanted.enumerated() {
      var best = -1, bestScore = -Float.infinity
      for index in 0..<classes {
        let score = scores[row * classes + index]
        if score > bestScore || (best < 0 && score == bestScore) {
          (best, bestScore) = (index, score)
        }
      }
      if best == label { right += 1 }
    }
    seen += wanted.count
  }
}
