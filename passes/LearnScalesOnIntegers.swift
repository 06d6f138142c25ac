import QATCore
import QATIR
import QATRewrite

/// Lets the gradient of a learned scale multiply codes, where the gradient of what is quantized serves
/// nothing else: that of a network's input.
///
///     %g = Gemm(%dy, qat.DequantizeCodes(%w, %t, %0))
///     %dx, %ds = qat.LearnedQuantizeGradient(%g, %x, %s, %z) {grid = u8}
///     ->
///     %ds = qat.GemmScaleGradient(%dy, %w, %t, %x, %s, %z) {transB = 1, grid = u8}
///
/// A product as large as the layer in float becomes one of codes, half as long. Of method `lsq`, with one
/// scale for the input and weights whose zero point is 0; it stands behind `execute-on-integers`, which
/// makes the codes. Convolutions are `learn-scales-through-weights`'.
public struct LearnScalesOnIntegers: Pass {
  public static let name: PassName = "learn-scales-on-integers"
  public static let summary = "multiply codes for the learned scale of a network's input"
  // What an element contributes is rounded to 1/65024.
  public static let effect: Effect = .within(relativeTolerance: 1e-4)

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    var editor = GraphEditor(graph)
    for id in graph.nodes where editor.graph.contains(id) { multiplyCodes(for: id, &editor) }
    if let failure = editor.builder.failure { throw failure }
    graph = editor.graph
  }

  private func multiplyCodes(for id: NodeID, _ editor: inout GraphEditor) {
    guard let scale = LearnedInputScale(id, in: editor.graph), scale.op.grid.bits <= 8,
      let factors = InputGradient(scale.dx, in: editor.graph)
    else { return }
    editor.replace(
      id, result: scale.gradient, with: GemmScaleGradient(of: scale.op, transB: factors.transB),
      [
        Term(factors.dy), Term(factors.b), Term(factors.bScale), scale.x, scale.scale, scale.zero,
      ])
  }
}

/// The gradient of a product's first factor, where the second are codes of zero point 0.
private struct InputGradient {
  /// The product's gradient; the codes [K, N] ([N, K] where `transB`) and their scale.
  let dy: ValueID, b: ValueID, bScale: ValueID
  let transB: Bool

  init?(_ dx: ValueID, in graph: Graph) {
    guard let id = graph.producer(of: dx), !graph[id].roundsToBfloat16 else { return nil }
    let operands = graph[id].operands, gemm: Gemm, codes: [ValueID?], axis: Int?
    switch graph[id].op {
    case let op as Gemm:
      guard let (node, numbers) = graph.operation(DequantizeCodes.self, of: operands[1]) else {
        return nil
      }
      (gemm, codes, axis) = (op, graph[node].operands, numbers.axis)
    case let op as OfCodes<Gemm>:
      (gemm, codes, axis) = (op.base, [operands[1], operands[3], operands[4]], nil)
    default: return nil
    }
    guard !gemm.transA, gemm.alpha == 1, operands.count < 3 || operands[2] == nil,
      axis == nil || axis == (gemm.transB ? 1 : 0), let dy = operands[0], let b = codes[0],
      let bScale = codes[1], graph[b].type.element == .i8, graph.isZeroPoint(codes[2])
    else { return nil }
    (self.dy, self.b, self.bScale, transB) = (dy, b, bScale, !gemm.transB)
  }
}
