import QATIR
import QATRewrite

/// `InstanceNormalization` of images in pieces, as TensorFlow writes it: what `layerNormalizationForm`
/// says, with means over the two spatial axes of a value [N,C,H,W].
func instanceNormalizationForm(_ node: Node, _: some Operation, _ graph: Graph) -> Replacement? {
  guard let found = graph.normalization(node.result), found.isCentered, found.axes == [2, 3],
    found.factors.isEmpty, let shape = graph[found.x].type.shape, shape.rank == 4,
    let channels = shape[1].size
  else { return nil }
  let scale = graph.ones([channels], like: found.x)
  let bias = graph.ones([channels], like: found.x, number: 0, name: "bias")
  let op = InstanceNormalization(epsilon: found.epsilon)
  return graph.recognized(node, from: [found.x], as: .op(op, [Term(found.x), scale, bias]))
}
