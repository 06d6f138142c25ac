import QATIR
import QATRewrite

/// `Mish` in pieces: `x · tanh(softplus(x))`, as PyTorch writes it below opset 18.
func mishForm(_ node: Node, _: some Operation, _ graph: Graph) -> Replacement? {
  let product = graph.factors(of: node.result)
  guard product.values.count == 2, product.divisors.isEmpty, product.number == 1 else {
    return nil
  }
  for (x, gate) in [(0, 1), (1, 0)].map({ (product.values[$0], product.values[$1]) }) {
    guard let (tanh, _) = graph.operation(Tanh.self, of: gate),
      let (softplus, _) = graph.operation(Softplus.self, of: graph[tanh].operands[0]),
      graph[softplus].operands[0] == x
    else { continue }
    return graph.recognized(node, from: [x], as: .op(Mish(), [Term(x)]))
  }
  return nil
}
