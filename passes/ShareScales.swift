import QATCore
import QATIR
import QATRewrite

/// Lets the quantizers on both sides of an operation that passes codes through share one scale.
///
///     %1 = qat.FakeQuantize(%x, %s1, %z1)
///     %2 = MaxPool(%1)
///     %3 = qat.FakeQuantize(%2, %s2, %z2)
///     ->
///     %1 = qat.FakeQuantize(%x, %s1, %z1)
///     %2 = MaxPool(%1)
///     %3 = qat.FakeQuantize(%2, %s1, %z1)
///
/// The range of the second quantizer is no longer observed. In front of a MaxPool that alone reads it, the
/// first one is `deferred`: in training the second rounds in its place, with its gradient, so that the
/// largest value gets what comes back, and not the first of those that round to one code. Else a second
/// one that is learned passes its gradient. Operations that change values (`Add`,
/// `Concat`, …) keep a scale for each side.
public struct ShareScales: Pass {
  public static let name: PassName = "share-scales"
  public static let summary = "give both sides of code-passing operations one scale"
  public static let effect: Effect = .changesNumerics(
    "quantizers behind MaxPool, Reshape, … take the scale in front")
  public static let entersBodies = true

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    for id in graph.nodes where graph.contains(id) {
      guard let quantizer = graph[id].op as? FakeQuantize, quantizer.axis == nil,
        let input = graph[id].operands[0], let source = graph.quantizerThrough(input),
        let other = graph[source].op as? FakeQuantize, other.axis == nil
      else { continue }
      var shared = quantizer
      shared.grid = other.grid
      let own = Array(graph[id].operands.prefix(3))
      if graph.picksLargest(from: source, to: id) {
        var deferred = other
        deferred.deferred = true
        graph.setOperation(of: source, to: deferred)
        (shared.straightThrough, shared.batched) = (other.straightThrough, other.batched)
        graph.setOperands(of: id, to: own + graph[source].operands.dropFirst(3))
      } else if quantizer.learned != nil || other.learned != nil {
        // What passes is on the grid already: rounding again changes nothing, and learns nothing.
        shared.straightThrough = "plain"
        graph.setOperands(of: id, to: own)
      }
      graph.setOperation(of: id, to: shared)
      for index in [1, 2] {
        // Biases behind the second quantizer are on its scale: they follow.
        guard let old = graph[id].operands[index], let new = graph[source].operands[index] else {
          continue
        }
        try graph.replaceAllUses(of: old, with: new)
      }
    }
    try EliminateDeadNodes().run(on: &graph, &context)
  }
}

extension Graph {
  /// The quantizer in front of the operation that computes a value and passes codes through.
  fileprivate func quantizerThrough(_ value: ValueID) -> NodeID? {
    guard let node = producer(of: value), passesCodes(node), let input = self[node].operands[0]
    else {
      return nil
    }
    return operation(FakeQuantize.self, of: input)?.node
  }

  /// Whether all that lies between two quantizers is a MaxPool that nobody else sees.
  fileprivate func picksLargest(from first: NodeID, to second: NodeID) -> Bool {
    guard let pooled = self[second].operands[0],
      let (pool, _) = operation(MaxPool.self, of: pooled),
      self[pool].operands[0] == self[first].result, self[pool].results.count == 1
    else { return false }
    // Its own observer goes when scales are shared.
    let others = users(of: pooled).filter { $0 != second && !(self[$0].op is any ObservesBatches) }
    return others.isEmpty && !isOutput(pooled) && isUsedOnce(self[first].result)
  }

  /// Whether codes pass through a node: by its role, or a clamping with a quantizer in front of it.
  func passesCodes(_ node: NodeID) -> Bool {
    switch quantizationRole(of: node) {
    case .passThrough, .clamping: true
    default: false
    }
  }
}
