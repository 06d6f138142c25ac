import QATCore
import QATIR
import QATRewrite

/// Sums the gradient of a learned scale through that of a convolution's weights, where the gradient of what
/// is quantized serves nothing else: that of a network's input.
///
///     %dx = qat.ConvInputGradient(%dy, %w, %x.quantized)
///     %g, %ds = qat.LearnedQuantizeGradient(%dx, %x, %s, %z) {grid = u8}
///     ->
///     %e = qat.ScaleDerivative(%x, %s, %z) {grid = u8}
///     %dw = qat.ConvWeightGradient(%dy, %e, %w)
///     %ds = ReduceSum(Mul(%dw, %w)) {keepdims = 0}
///
/// Both sum dy[o] · w[k] · e[i] over all pixels o, taps k and what they meet, i. Images have few channels,
/// for which the gradient of the weights takes half as long as that of the image, and is not written.
/// Of method `lsq`, with one scale.
public struct LearnScalesThroughWeights: Pass {
  public static let name: PassName = "learn-scales-through-weights"
  public static let summary =
    "sum the learned scale of a network's input by the gradient of weights"
  // The same terms in another order.
  public static let effect: Effect = .within(relativeTolerance: 1e-4)

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    var editor = GraphEditor(graph)
    for id in graph.nodes where editor.graph.contains(id) { sumThroughWeights(id, &editor) }
    if let failure = editor.builder.failure { throw failure }
    graph = editor.graph
  }

  private func sumThroughWeights(_ id: NodeID, _ editor: inout GraphEditor) {
    let graph = editor.graph
    guard let scale = LearnedInputScale(id, in: graph),
      let (convolution, op) = graph.operation(ConvInputGradient.self, of: scale.dx),
      !graph[convolution].roundsToBfloat16, let dy = graph[convolution].operands[0],
      let w = graph[convolution].operands[1], graph[w].type.element == .f32
    else { return }
    var gradient = ConvWeightGradient(), sum = ReduceSum()
    (gradient.window, gradient.group, sum.keepDimensions) = (op.window, op.group, false)
    let derivative = Term.op(ScaleDerivative(of: scale.op), [scale.x, scale.scale, scale.zero])
    let dw = Term.op(gradient, [Term(dy), derivative, Term(w)])
    editor.replace(id, result: scale.gradient, with: sum, [dw * Term(w)])
  }
}
