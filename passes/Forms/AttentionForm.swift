import QATCore
import QATIR
import QATRewrite

/// `Attention` in pieces, as PyTorch writes it below opset 23:
///
///     %1 = Transpose(%k) {perm = [0, 1, 3, 2]}
///     %2 = MatMul(%q, %1)
///     %3 = Mul(%2, 0.125)              // or Div; or a factor at q, at k, or one at each
///     %4 = Add(%3, %mask)              // may be absent
///     %5 = Softmax(%4)
///     %y = MatMul(%5, %v)
func attentionForm(_ node: Node, _: MatMul, _ graph: Graph) -> Replacement? {
  guard let found = graph.attentionForm(node) else { return nil }
  var op = Attention()
  op.scale = Float(found.scale)
  let mask = found.mask.map { [Term($0)] } ?? []
  return .term(.op(op, [Term(found.q), found.k, Term(found.v)] + mask))
}

/// The operands and the scale of attention that was found in pieces.
private struct AttentionForm {
  let q: ValueID
  let k: Term
  let v: ValueID
  let mask: ValueID?
  let scale: Double
}

extension Graph {
  fileprivate func attentionForm(_ product: Node) -> AttentionForm? {
    guard let p = product.operands[0], let v = product.operands[1],
      let (softmax, op) = operation(Softmax.self, of: p), op.axis == -1 || op.axis == 3,
      let biased = self[softmax].operands[0], self[v].type.shape?.rank == 4
    else { return nil }
    let (scores, mask) = bias(of: biased)
    let scaled = scaledValue(scores)
    guard let (scoring, _) = operation(MatMul.self, of: scaled.value),
      let left = self[scoring].operands[0], let right = self[scoring].operands[1]
    else { return nil }
    let q = scaledValue(left), transposed = scaledValue(right)
    guard let k = keys(transposed.value), isHeads(q.value, v, scores) else { return nil }
    let ends = [q.value, k.source, v] + (mask.map { [$0] } ?? [])
    guard isSelfContained(product.result, from: ends) else { return nil }
    return AttentionForm(
      q: q.value, k: k.term, v: v, mask: mask, scale: scaled.number * q.number * transposed.number)
  }

  /// Scores, and what is added to them: a mask for each key.
  private func bias(of value: ValueID) -> (scores: ValueID, mask: ValueID?) {
    guard let (add, _) = operation(Add.self, of: value), isUsedOnce(value),
      let keys = self[value].type.shape?.dimensions.last
    else { return (value, nil) }
    for (scores, mask) in [(0, 1), (1, 0)] {
      guard let scores = self[add].operands[scores], let mask = self[add].operands[mask],
        let shape = self[mask].type.shape, (2...4).contains(shape.rank),
        shape.dimensions.last?.isSame(as: keys) == true, self[scores].type.shape?.rank == 4,
        operation(MatMul.self, of: scaledValue(scores).value) != nil
      else { continue }
      return (scores, mask)
    }
    return (value, nil)
  }

  /// A value and the number it is multiplied by.
  private func scaledValue(_ value: ValueID) -> (value: ValueID, number: Double) {
    let source = variable(of: value)
    guard let line = polynomial(of: value, in: source), line.count == 2, line[0] == 0,
      hasSameType(source, value)
    else { return (value, 1) }
    return (source, line[1])
  }

  /// The keys whose last two axes were exchanged, and what they are made of.
  private func keys(_ transposed: ValueID) -> (source: ValueID, term: Term)? {
    guard let (node, op) = operation(Transpose.self, of: transposed),
      let x = self[node].operands[0], self[x].type.shape?.rank == 4
    else { return nil }
    let perm = op.permutation(rank: 4)
    if perm == [0, 1, 3, 2] { return (x, Term(x)) }
    guard perm == [0, 2, 3, 1] else { return nil }
    return (x, .op(Transpose(perm: [0, 2, 1, 3]), [Term(x)]))
  }

  /// Whether q, v and the scores are those of as many heads each.
  private func isHeads(_ q: ValueID, _ v: ValueID, _ scores: ValueID) -> Bool {
    guard let q = self[q].type.shape, let v = self[v].type.shape,
      let scores = self[scores].type.shape, q.rank == 4, scores.rank == 4
    else { return false }
    return (0...1).allSatisfy { q[$0].isSame(as: v[$0]) && q[$0].isSame(as: scores[$0]) }
  }
}
