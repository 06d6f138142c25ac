import QATIR
import QATRewrite

/// `RMSNormalization` in pieces, as every exporter writes it below opset 23:
///
///     x / √(mean(x²) + epsilon) · scale
///
/// with the mean over the last axes, in the orders that `layerNormalizationForm` takes.
func rmsNormalizationForm(_ node: Node, _: some Operation, _ graph: Graph) -> Replacement? {
  guard let found = graph.normalization(node.result), !found.isCentered,
    let shape = graph.lastSizes(of: found.x, found.axes),
    let scale = graph.scale(of: found, shape)
  else { return nil }
  let op = RMSNormalization(axis: -shape.count, epsilon: found.epsilon)
  return graph.recognized(node, from: found.inputs, as: .op(op, [Term(found.x), scale]))
}
