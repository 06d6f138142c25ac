import QATIR
import QATRewrite

/// `Swish` (SiLU) in pieces: `x · sigmoid(alpha · x)`, as every exporter writes it below opset 24.
func swishForm(_ node: Node, _: some Operation, _ graph: Graph) -> Replacement? {
  let product = graph.factors(of: node.result)
  guard product.values.count == 2, product.divisors.isEmpty, product.number == 1 else {
    return nil
  }
  for (x, gate) in [(0, 1), (1, 0)].map({ (product.values[$0], product.values[$1]) }) {
    guard let (sigmoid, _) = graph.operation(Sigmoid.self, of: gate),
      let argument = graph[sigmoid].operands[0],
      let inner = graph.polynomial(of: argument, in: x), inner.count == 2, inner[0] == 0
    else { continue }
    let op = Swish(alpha: Float(inner[1]))
    return graph.recognized(node, from: [x], as: .op(op, [Term(x)]))
  }
  return nil
}
