import QATCore
import QATIR
import QATRuntime

/// A variable of an observer, and how what the parts of a batch make of it comes together.
struct StateUpdate {
  /// How two parts come together that began with the same state.
  enum Merge {
    /// The smaller number, or the larger one: a range moves the further, the further a batch reaches.
    case least, greatest
    /// Part behind part: counts of a histogram.
    case chained
    /// Any of them: each part says that this was one batch more.
    case same
    /// None: the batch has to be looked at as a whole.
    case none
  }

  let variable: String
  let merge: Merge

  /// - Parameter result: of the observer, the variable's new contents.
  init(_ result: ValueID, of variable: String, in graph: Graph) {
    self.variable = variable
    guard let id = graph.producer(of: result), let op = graph[id].op as? Observe,
      let index = graph[id].results.firstIndex(of: result),
      // The range of one batch, where its kind is to be told from a histogram that is not kept.
      op.kind.usesHistogram == (graph[id].results.count == 5)
    else {
      merge = .none
      return
    }
    merge = [.least, .greatest, .same, .chained, .chained][index]
  }

  func merged(_ a: AnyTensor, _ b: AnyTensor) -> AnyTensor {
    switch merge {
    case .least: a.combined(with: b) { $0 < $1 ? $0 : $1 }
    case .greatest: a.combined(with: b) { $0 > $1 ? $0 : $1 }
    case .chained, .same, .none: b
    }
  }
}

extension Session {
  /// Bytes of inputs that are run at once; the activations behind them take a multiple.
  private static let partByteCount = 1 << 20

  /// Runs a batch and puts the new states of observers into the session's variables: the outputs, in
  /// order. A batch of large samples is run in parts, so that memory does not depend on its size; the
  /// states are the same.
  ///
  /// - Parameter inParts: whether the first axis of a batch is that of its samples.
  func observe(
    _ batch: [String: AnyTensor], _ states: [StateUpdate], inParts: Bool
  ) throws(Diagnostic) {
    let isWhole = !inParts || states.contains { $0.merge == .none } || !graph.hasOpenBatch
    let parts = isWhole ? [batch] : batch.parts(ofBytes: Self.partByteCount)
    var merged: [AnyTensor] = []
    for (index, part) in parts.enumerated() {
      let results = try run(part)
      merged =
        index == 0
        ? results : states.indices.map { states[$0].merged(merged[$0], results[$0]) }
      for (state, tensor) in zip(states, results) where state.merge == .chained {
        try setVariable(state.variable, to: tensor)
      }
    }
    for (state, tensor) in zip(states, merged) { try setVariable(state.variable, to: tensor) }
  }
}

extension Graph {
  /// Whether all inputs begin with an axis of any size.
  fileprivate var hasOpenBatch: Bool {
    inputs.allSatisfy { id in
      guard let axis = self[id].type.shape?.dimensions.first else { return false }
      return axis.size == nil
    }
  }
}

extension [String: AnyTensor] {
  /// Tensors cut along their first axis into parts of one size and of so many bytes at most, where they
  /// can be: all of one number of samples, of whole bytes.
  func parts(ofBytes limit: Int) -> [Self] {
    let counts = Set(values.map { $0.shape.first ?? 0 })
    let size = values.reduce(0) { $0 + $1.storage.byteCount }
    guard counts.count == 1, let count = counts.first, count > 1, size > limit,
      values.allSatisfy({ $0.element.bitWidth % 8 == 0 })
    else { return [self] }
    // A divisor: every size has a plan of its own.
    let most = Swift.max(1, limit / (size / count))
    let samples = (1...most).last { count.isMultiple(of: $0) } ?? 1
    return stride(from: 0, to: count, by: samples).map { start in
      mapValues { $0.samples(start..<start + samples) }
    }
  }
}

extension AnyTensor {
  /// Two tensors of one type of floats, element by element.
  fileprivate func combined(
    with other: AnyTensor, _ choose: (Double, Double) -> Double
  ) -> AnyTensor {
    let numbers = zip(doubles ?? [], other.doubles ?? []).map(choose)
    return element == .f64
      ? AnyTensor(shape: shape, numbers) : AnyTensor(shape: shape, numbers.map { Float($0) })
  }
}
