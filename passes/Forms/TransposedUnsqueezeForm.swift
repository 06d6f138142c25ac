import QATCore
import QATIR
import QATRewrite

/// A `Transpose` of axes some of which were only just added, as TensorFlow's Conv1D has it around its
/// convolution: the axes are added behind a `Transpose` of the others.
///
///     Transpose(Unsqueeze(x, [1]), [0, 3, 1, 2])  ->  Unsqueeze(Transpose(x, [0, 2, 1]), [2])
func transposedUnsqueezeForm(_ node: Node, _ op: Transpose, _ graph: Graph) -> Replacement? {
  guard let value = node.operands[0], graph.isUsedOnce(value),
    let (unsqueeze, _) = graph.operation(Unsqueeze.self, of: value),
    let x = graph[unsqueeze].operands[0], let rank = graph[value].type.shape?.rank,
    let axes = graph[unsqueeze].operands[1].flatMap({ graph[$0].constant?.integers })
  else { return nil }
  let added = Set(axes.map { $0 < 0 ? $0 + rank : $0 })
  let old = (0..<rank).filter { !added.contains($0) }
  let perm = op.permutation(rank: rank)
  let inner = perm.compactMap { old.firstIndex(of: $0) }
  let outer = perm.indices.filter { added.contains(perm[$0]) }
  return .term(
    .op(
      Unsqueeze(),
      [.op(Transpose(perm: inner), [Term(x)]), .integers(outer, name: "axes")]))
}
