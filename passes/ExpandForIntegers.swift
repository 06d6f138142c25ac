import QATCore
import QATIR
import QATRewrite

/// Takes operations apart whose pieces have integer kernels, where the whole has none.
///
///     %y = Attention(%q, %k, %v, %mask)
///     ->
///     %1 = Transpose(%k) {perm = [0, 1, 3, 2]}
///     %2 = MatMul(%q, %1)
///     %3 = Mul(%2, %scale)
///     %4 = Add(%3, %mask)
///     %5 = Softmax(%4)
///     %y = MatMul(%5, %v)
///
/// and `Swish` into `Sigmoid` and `Mul`. Operands of rank 3 are divided into their heads. Left alone:
/// attention with a cache, lengths, a window, a cap or the scores as a result; causal; with several
/// heads of q to one of k; whose mask is not a float one that has every key.
public struct ExpandForIntegers: Pass {
  public static let name: PassName = "expand-for-integers"
  public static let summary = "take Swish and Attention apart, for their pieces to be quantized"
  public static let effect: Effect = .within(relativeTolerance: 1e-5)
  public static let entersBodies = true

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    try applyRules(
      [
        Simplify<Swish> { node, op, _ in
          .term(Term { builder in op.expansion(of: node.operands, in: &builder) })
        },
        Simplify<Attention> { node, op, graph in graph.expanded(node, op).map { .term($0) } },
      ], to: &graph)
  }
}

extension Graph {
  fileprivate func expanded(_ node: Node, _ op: Attention) -> Term? {
    let operands = node.operands
    guard node.results.count == 1, operands.dropFirst(4).allSatisfy({ $0 == nil }),
      !op.isCausal, op.leftWindow < 0, op.rightWindow < 0, op.softcap == 0,
      let q = heads(operands[0], op.queryHeadCount), let k = heads(operands[1], op.keyHeadCount),
      let v = heads(operands[2], op.keyHeadCount), q.count == k.count,
      let size = q.size, let mask = mask(operands, keys: k.length),
      op.softmaxType.map({ $0 == self[q.source].type.element }) ?? true
    else { return nil }
    let element = self[q.source].type.element
    let scale = op.scale.map(Double.init) ?? 1 / Double(size).squareRoot()
    let factor: Term = .constant(
      AnyTensor(element, shape: [], rounding: [scale]), name: "scale")
    let keys: Term = .op(Transpose(perm: [0, 1, 3, 2]), [k.term])
    let scores: Term = .op(MatMul(), [q.term, keys]) * factor
    let biased = mask.isEmpty ? scores : scores + mask[0]
    let y: Term = .op(MatMul(), [.op(Softmax(), [biased]), v.term])
    if self[q.source].type.shape?.rank == 4 { return y }
    return .op(
      Reshape(), [.op(Transpose(perm: [0, 2, 1, 3]), [y]), .integers([0, 0, -1], name: "shape")])
  }

  /// One operand as [B, H, L, D].
  private func heads(
    _ value: ValueID?, _ count: Int?
  ) -> (source: ValueID, term: Term, count: Int, length: Dimension, size: Int?)? {
    guard let value, let shape = self[value].type.shape else { return nil }
    if shape.rank == 4, let count = shape[1].size {
      return (value, Term(value), count, shape[2], shape[3].size)
    }
    guard shape.rank == 3, let count, count > 0 else { return nil }
    let split: Term = .op(
      Reshape(), [Term(value), .integers([0, 0, count, -1], name: "shape")])
    return (
      value, .op(Transpose(perm: [0, 2, 1, 3]), [split]), count, shape[1],
      shape[2].size.map { $0 / count }
    )
  }

  /// The mask, or none; `nil` for one that is no sum of floats for every key.
  private func mask(_ operands: [ValueID?], keys: Dimension) -> [Term]? {
    guard operands.count > 3, let mask = operands[3] else { return [] }
    guard self[mask].type.element == operands[0].map({ self[$0].type.element }),
      self[mask].type.shape?.dimensions.last?.isSame(as: keys) == true
    else { return nil }
    return [Term(mask)]
  }
}
