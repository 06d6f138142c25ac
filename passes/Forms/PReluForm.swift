import QATCore
import QATIR
import QATRewrite

/// `PRelu` as Keras writes it: `relu(x) - slope · relu(-x)`, the slope a parameter or, negated, a
/// factor of the second term; one number of 0 or more is a `LeakyRelu`.
func pReluForm(_ node: Node, _: Add, _ graph: Graph) -> Replacement? {
  guard let a = node.operands[0], let b = node.operands[1] else { return nil }
  return graph.pRelu(node, a, b, sign: 1) ?? graph.pRelu(node, b, a, sign: 1)
}

func pReluForm(_ node: Node, _: Sub, _ graph: Graph) -> Replacement? {
  guard let a = node.operands[0], let b = node.operands[1] else { return nil }
  return graph.pRelu(node, a, b, sign: -1)
}

extension Graph {
  /// `relu(x) + sign · number · slope · relu(-x)`.
  fileprivate func pRelu(
    _ node: Node, _ positive: ValueID, _ negative: ValueID, sign: Double
  ) -> Replacement? {
    guard let (relu, _) = operation(Relu.self, of: positive), let x = self[relu].operands[0]
    else { return nil }
    let product = factors(of: negative), number = -sign * product.number
    guard product.divisors.isEmpty,
      let ramp = product.values.first(where: { operation(Relu.self, of: $0) != nil }),
      let other = operation(Relu.self, of: ramp), let minus = self[other.node].operands[0],
      let (negation, _) = operation(Neg.self, of: minus), self[negation].operands[0] == x
    else { return nil }
    let slopes = product.values.filter { $0 != ramp }
    if slopes.isEmpty, number >= 0 {
      return recognized(node, from: [x], as: .op(LeakyRelu(alpha: Float(number)), [Term(x)]))
    }
    guard slopes.count == 1, isParameter(slopes[0]), abs(number) == 1,
      let shape = self[slopes[0]].type.shape, shape.rank <= self[x].type.shape?.rank ?? 0
    else { return nil }
    let slope: Term = number == 1 ? Term(slopes[0]) : .op(Neg(), [Term(slopes[0])])
    return recognized(node, from: [x, slopes[0]], as: .op(PRelu(), [Term(x), slope]))
  }
}
