import QATCore
import QATIR
import QATRewrite

/// `Relu` and `Clip` as `Max` and `Min` with a number, as TensorFlow and Keras write them.
///
///     max(x, 0)           ->  Relu(x)
///     max(x, low)         ->  Clip(x, low)
///     min(max(x, l), h)   ->  Clip(x, l, h)    where l ≤ h, in either order; Relu has l = 0
func clipForm(_ node: Node, _: Max, _ graph: Graph) -> Replacement? {
  graph.boundAndValue(node).flatMap { graph.clipped(node, $0.value, low: $0.bound, high: nil) }
}

func clipForm(_ node: Node, _: Min, _ graph: Graph) -> Replacement? {
  graph.boundAndValue(node).flatMap { graph.clipped(node, $0.value, low: nil, high: $0.bound) }
}

/// A `Clip` behind a `Relu` or another `Clip`.
func clipForm(_ node: Node, _: Clip, _ graph: Graph) -> Replacement? {
  guard let x = node.operands[0], let (low, high) = graph.bounds(node),
    graph.operation(Clip.self, of: x) != nil || graph.operation(Relu.self, of: x) != nil
  else { return nil }
  return graph.clipped(node, x, low: low, high: high)
}

extension Graph {
  /// What a `Max` or `Min` compares with a number.
  fileprivate func boundAndValue(_ node: Node) -> (bound: Double, value: ValueID)? {
    guard node.operands.count == 2, let a = node.operands[0], let b = node.operands[1] else {
      return nil
    }
    if let bound = number(b) { return (bound, a) }
    return number(a).map { ($0, b) }
  }

  /// The bounds of a `Clip` that are numbers; `nil` where one is computed.
  fileprivate func bounds(_ node: Node) -> (low: Double?, high: Double?)? {
    let bounds = node.operands.dropFirst().map { ($0, number($0)) }
    guard bounds.allSatisfy({ $0.0 == nil || $0.1 != nil }) else { return nil }
    return (bounds.first?.1, bounds.count > 1 ? bounds[1].1 : nil)
  }

  /// One `Relu` or `Clip` in place of a node that bounds `x`, with the bounds of what computes `x`.
  fileprivate func clipped(
    _ node: Node, _ x: ValueID, low: Double?, high: Double?
  ) -> Replacement? {
    var low = low, high = high, source = x
    if isUsedOnce(x), let inner = producer(of: x), let behind = self[inner].operands.first ?? nil,
      let (first, last) = self[inner].op is Relu
        ? (0, nil) : self[inner].op is Clip ? bounds(self[inner]) : nil
    {
      // Bounds that cross leave a constant, and which one depends on the order.
      let l = [low, first].compactMap { $0 }.max(), h = [high, last].compactMap { $0 }.min()
      if l ?? -.infinity <= h ?? .infinity { (low, high, source) = (l, h, behind) }
    }
    guard self[source].type.element.isFloatingPoint,
      source != x || !(node.op is Clip), low ?? -.infinity <= high ?? .infinity
    else { return nil }
    if low == 0, high == nil {
      return recognized(node, from: [source], as: .op(Relu(), [Term(source)]))
    }
    let element = self[source].type.element
    func constant(_ number: Double?, _ name: String) -> Term? {
      number.map { .constant(AnyTensor(element, shape: [], rounding: [$0]), name: name) }
    }
    let bounds = [constant(low, "min"), constant(high, "max")]
    return recognized(
      node, from: [source],
      as: .op(Clip(), [Term(source)] + (high == nil ? [bounds[0]] : bounds)))
  }
}
