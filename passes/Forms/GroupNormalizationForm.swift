import QATIR
import QATRewrite

/// `GroupNormalization` through `InstanceNormalization`, as PyTorch writes it below opset 21:
///
///     reshape(InstanceNormalization(reshape(x, [N, groups, …]), 1, 0), shape of x)
///
/// `affineForm` takes the scale and the bias that follow.
func groupNormalizationForm(_ node: Node, _: Reshape, _ graph: Graph) -> Replacement? {
  guard let result = graph[node.result].type.shape, result.rank >= 3,
    let (inner, op) = graph.operation(InstanceNormalization.self, of: node.operands[0]),
    graph.isConstant(graph[inner].operands[1], 1), graph.isConstant(graph[inner].operands[2], 0),
    let rows = graph[inner].operands[0], let (reshape, _) = graph.operation(Reshape.self, of: rows),
    let x = graph[reshape].operands[0], graph.hasSameType(x, node.result),
    let grouped = graph[rows].type.shape, let groups = grouped[1].size,
    let channels = result[1].size, groups > 0, channels % groups == 0,
    grouped[0].isSame(as: result[0])
  else { return nil }
  let normalization = GroupNormalization(groups: groups, epsilon: op.epsilon)
  let scale = graph.ones([channels], like: x)
  let bias = graph.ones([channels], like: x, number: 0, name: "bias")
  return graph.recognized(node, from: [x], as: .op(normalization, [Term(x), scale, bias]))
}
