import QATCore
import QATIR
import QATRewrite

/// A convolution along one axis by way of two, as TensorFlow's Conv1D is written:
///
///     %1 = Unsqueeze(%x, [2])            // f32[N,C,L] to f32[N,C,1,L], or a Reshape
///     %y = Conv(%1, %w, %b)              // kernel 1 along the added axis
///     ->
///     %1 = Conv(%x, %w1, %b)
///     %y = Unsqueeze(%1, [2])
///
/// `SinkLayout` lets the new axis wait until a `Squeeze` takes it away.
struct Conv1DForm: RewriteRule {
  private let conv = Capture<Conv>("conv")

  var pattern: Pattern {
    conv.pattern.where { value, graph in
      graph.operation(Conv.self, of: value).flatMap { graph.conv1D(graph[$0.node], $0.op) } != nil
    }
  }

  func rewrite(_ match: Match, in graph: inout GraphEditor) {
    let node = match[conv]
    guard let term = graph.graph.conv1D(graph.graph[node], graph.op(conv, match)) else { return }
    graph.replaceChangingLayout(node, with: term)
  }
}

extension Graph {
  fileprivate func conv1D(_ node: Node, _ op: Conv) -> Term? {
    guard let lifted = node.operands[0], let w = node.operands[1], isParameter(w),
      let weights = self[w].type.shape?.sizes, weights.count == 4,
      let (x, axis) = addedAxis(lifted), weights[axis] == 1,
      self[node.result].type.shape?[axis].size == 1,
      let window = op.window.along(axis == 2 ? 1 : 0)
    else { return nil }
    let kernel: Term = .op(
      Reshape(), [Term(w), .integers(weights.removing(axis), name: "shape")])
    let bias = node.operands.count > 2 ? node.operands[2].map { Term($0) } : nil
    let conv: Term = .op(
      Conv(window, group: op.group), [Term(x), kernel] + (bias.map { [$0] } ?? []))
    return .op(Unsqueeze(), [conv, .integers([axis], name: "axes")])
  }

  /// The value of rank 3 that became one of rank 4 by a spatial axis of size 1, and that axis.
  fileprivate func addedAxis(_ value: ValueID) -> (x: ValueID, axis: Int)? {
    guard let node = producer(of: value), self[node].op is Unsqueeze || self[node].op is Reshape,
      let x = self[node].operands[0], let before = self[x].type.shape, before.rank == 3,
      let after = self[value].type.shape, after.rank == 4
    else { return nil }
    for axis in [2, 3] where after[axis].size == 1 {
      let rest = after.dimensions.removing(axis)
      if zip(rest, before.dimensions).allSatisfy({ $0.isSame(as: $1) }) { return (x, axis) }
    }
    return nil
  }
}

extension WindowAttributes {
  /// The windows of one of two axes; `nil` where the other one is padded.
  fileprivate func along(_ axis: Int) -> WindowAttributes? {
    let other = 1 - axis
    if !pads.isEmpty, pads[other] != 0 || pads[2 + other] != 0 { return nil }
    return WindowAttributes(
      kernelShape: kernelShape.isEmpty ? [] : [kernelShape[axis]],
      pads: pads.isEmpty ? [] : [pads[axis], pads[2 + axis]],
      strides: strides.isEmpty ? [] : [strides[axis]],
      dilations: dilations.isEmpty ? [] : [dilations[axis]], autoPad: autoPad)
  }
}

extension Array {
  fileprivate func removing(_ index: Int) -> Self { Array(self[..<index] + self[(index + 1)...]) }
}
