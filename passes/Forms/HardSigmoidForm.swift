import QATIR
import QATRewrite

/// `HardSigmoid` in pieces: `clip(a · x + b, 0, c) / c`, as PyTorch and TensorFlow write it with 1, 3
/// and 6.
func hardSigmoidForm(_ node: Node, _: some Operation, _ graph: Graph) -> Replacement? {
  let product = graph.factors(of: node.result)
  guard product.values.count == 1, product.divisors.isEmpty,
    let ramp = graph.ramp(product.values[0])
  else { return nil }
  return graph.hardSigmoid(node, ramp, scaledBy: product.number)
}

/// Already between 0 and 1: `clip(a · x + b, 0, 1)` with b > 0.
func hardSigmoidForm(_ node: Node, _: Clip, _ graph: Graph) -> Replacement? {
  guard let ramp = graph.ramp(node.result), ramp.inner[0] > 0 else { return nil }
  return graph.hardSigmoid(node, ramp, scaledBy: 1)
}

/// `clip(inner(x), 0, top)`, where `inner` is linear.
struct Ramp {
  let x: ValueID
  let inner: [Double]
  let top: Double
}

extension Graph {
  func ramp(_ value: ValueID) -> Ramp? {
    guard let (clip, _) = operation(Clip.self, of: value), let sum = self[clip].operands[0],
      self[clip].operands.count == 3, number(self[clip].operands[1]) == 0,
      let top = number(self[clip].operands[2]), top > 0
    else { return nil }
    let x = variable(of: sum)
    guard let inner = polynomial(of: sum, in: x), inner.count == 2 else { return nil }
    return Ramp(x: x, inner: inner, top: top)
  }

  fileprivate func hardSigmoid(
    _ node: Node, _ ramp: Ramp, scaledBy number: Double
  ) -> Replacement? {
    guard agree([number * ramp.top], [1], for: ramp.x) else { return nil }
    let op = HardSigmoid(alpha: Float(number * ramp.inner[1]), beta: Float(number * ramp.inner[0]))
    return recognized(node, from: [ramp.x], as: .op(op, [Term(ramp.x)]))
  }
}
