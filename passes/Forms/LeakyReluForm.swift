import QATCore
import QATIR
import QATRewrite

/// `LeakyRelu` as TensorFlow writes it: `max(x, alpha · x)` with 0 ≤ alpha < 1.
func leakyReluForm(_ node: Node, _: Max, _ graph: Graph) -> Replacement? {
  guard node.operands.count == 2, let a = node.operands[0], let b = node.operands[1] else {
    return nil
  }
  for (x, other) in [(a, b), (b, a)] {
    guard let line = graph.polynomial(of: other, in: x), line.count == 2, line[0] == 0,
      (0..<1).contains(line[1])
    else { continue }
    let op = LeakyRelu(alpha: Float(line[1]))
    return graph.recognized(node, from: [x], as: .op(op, [Term(x)]))
  }
  return nil
}
