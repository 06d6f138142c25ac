import QATIR
import QATRewrite

/// `Gelu` in pieces, as PyTorch writes it below opset 20 and TensorFlow always.
///
///     x · 0.5 · (1 + erf(x / √2))
///     x · 0.5 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))
///
/// in any order of the factors, and with the half inside the sum.
func geluForm(_ node: Node, _: some Operation, _ graph: Graph) -> Replacement? {
  let product = graph.factors(of: node.result)
  guard product.values.count == 2, product.divisors.isEmpty else { return nil }
  for (x, gate) in [(0, 1), (1, 0)].map({ (product.values[$0], product.values[$1]) }) {
    let kinds = [graph.erfGate(gate, of: x), graph.tanhGate(gate, of: x)]
    for (kind, coefficients) in zip(["none", "tanh"], kinds) {
      guard let coefficients,
        graph.agree(coefficients.map { $0 * product.number }, [0.5, 0.5], for: x)
      else { continue }
      return graph.recognized(node, from: [x], as: .op(Gelu(approximate: kind), [Term(x)]))
    }
  }
  return nil
}

extension Graph {
  fileprivate func erfGate(_ gate: ValueID, of x: ValueID) -> [Double]? {
    guard let (_, operand, coefficients) = linear(in: Erf.self, gate),
      let inner = polynomial(of: operand, in: x), agree(inner, [0, 0.5.squareRoot()], for: x)
    else { return nil }
    return coefficients
  }

  fileprivate func tanhGate(_ gate: ValueID, of x: ValueID) -> [Double]? {
    let slope = (2 / Double.pi).squareRoot()
    guard let (_, operand, coefficients) = linear(in: Tanh.self, gate),
      let inner = polynomial(of: operand, in: x),
      agree(inner, [0, slope, 0, 0.044715 * slope], for: x)
    else { return nil }
    return coefficients
  }
}
