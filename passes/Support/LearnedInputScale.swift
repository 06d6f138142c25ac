import QATIR
import QATRewrite

/// The gradient of a learned scale, of method `lsq` and for a whole tensor, of which nothing else is asked:
/// that of what is quantized has no reader.
struct LearnedInputScale {
  let op: LearnedQuantizeGradient
  /// The gradient of the scale.
  let gradient: ValueID
  /// The gradient of what is quantized, which this node alone reads.
  let dx: ValueID
  let x: Term, scale: Term, zero: Term

  init?(_ id: NodeID, in graph: Graph) {
    let node = graph[id]
    guard let op = node.op as? LearnedQuantizeGradient, op.method == .lsq, op.axis == nil,
      op.blockSize == 0, node.results.count > 1, let gradient = node.results[1],
      node.results.compactMap(\.self).allSatisfy({ $0 == gradient || graph.isUnused($0) }),
      let dx = node.operands[0], graph.isUsedOnce(dx), let x = node.operands[1],
      graph[x].type.element == .f32, let scale = node.operands[2], let zero = node.operands[3]
    else { return nil }
    (self.op, self.gradient, self.dx) = (op, gradient, dx)
    (self.x, self.scale, self.zero) = (Term(x), Term(scale), Term(zero))
  }
}
