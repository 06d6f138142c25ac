import QATIR
import QATRewrite

/// `HardSwish` in pieces, as PyTorch writes it below opset 14, and TensorFlow always:
///
///     x · clip(x + 3, 0, 6) / 6
///     x · hardsigmoid(x)      with alpha = 1/6 and beta = 1/2
func hardSwishForm(_ node: Node, _: some Operation, _ graph: Graph) -> Replacement? {
  let product = graph.factors(of: node.result)
  guard product.values.count == 2, product.divisors.isEmpty else { return nil }
  for (x, gate) in [(0, 1), (1, 0)].map({ (product.values[$0], product.values[$1]) }) {
    guard let line = graph.hardGate(gate, of: x),
      graph.agree(line.map { $0 * product.number }, [0.5, 1.0 / 6, 1], for: x)
    else { continue }
    return graph.recognized(node, from: [x], as: .op(HardSwish(), [Term(x)]))
  }
  return nil
}

extension Graph {
  /// Value at 0, slope and height of a gate that rises from 0 on.
  fileprivate func hardGate(_ gate: ValueID, of x: ValueID) -> [Double]? {
    if let (node, op) = operation(HardSigmoid.self, of: gate) {
      guard self[node].operands[0] == x else { return nil }
      return [Double(op.beta), Double(op.alpha), 1]
    }
    guard let ramp = ramp(gate), ramp.x == x else { return nil }
    return ramp.inner + [ramp.top]
  }
}
