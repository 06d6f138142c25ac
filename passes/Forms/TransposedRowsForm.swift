import QATCore
import QATIR
import QATRewrite

/// A `Transpose` of the last two axes by way of a value of rank 3, as PyTorch's exporter of graphs
/// (`dynamo=True`) writes it for the keys of attention:
///
///     Reshape(Transpose(Reshape(x, [-1, S, D]), [0, 2, 1]), [B, H, D, S])
///     ->
///     Transpose(x, [0, 1, 3, 2])
func transposedRowsForm(_ node: Node, _: Reshape, _ graph: Graph) -> Replacement? {
  guard let result = graph[node.result].type.shape,
    let (transpose, op) = graph.operation(Transpose.self, of: node.operands[0]),
    op.permutation(rank: 3) == [0, 2, 1],
    let (flatten, _) = graph.operation(Reshape.self, of: graph[transpose].operands[0]),
    let x = graph[flatten].operands[0], let shape = graph[x].type.shape,
    let rows = graph[graph[flatten].result].type.shape,
    shape.rank > 3, rows.rank == 3, result.rank == shape.rank
  else { return nil }
  let last = shape.rank - 1
  let perm = Array(0..<last - 1) + [last, last - 1]
  guard zip(perm, result.dimensions).allSatisfy({ shape[$0].isSame(as: $1) }),
    rows[1].isSame(as: shape[last - 1]), rows[2].isSame(as: shape[last]),
    graph.isSelfContained(node.result, from: [x])
  else { return nil }
  return .term(.op(Transpose(perm: perm), [Term(x)]))
}
