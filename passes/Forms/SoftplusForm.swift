import QATIR
import QATRewrite

/// `Softplus` in pieces: `log(1 + exp(x))`, which overflows where `Softplus` does not.
func softplusForm(_ node: Node, _: Log, _ graph: Graph) -> Replacement? {
  guard let sum = node.operands[0],
    let (_, x, coefficients) = graph.linear(in: Exp.self, sum), coefficients == [1, 1]
  else { return nil }
  return graph.recognized(node, from: [x], as: .op(Softplus(), [Term(x)]))
}
