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
/// makes the codes. Convolutions stay as they are: their inputs have few channels, and little to multiply.
public struct LearnScalesOnIntegers: Pass {
  public static let name: PassName = "learn-scales-on-integers"
  public static let summary = "multiply codes for the learned scale of a network's input"
  // What an element contributes is rounded to 1/65024.
  public static let effect: Effect = .within(relativeTolerance: 1e-4)

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    var editor = GraphEditor(graph)
    for id in graph.nodes { try multiplyCodes(for: id, &editor) }
    if let failure = editor.builder.failure { throw failure }
    graph = editor.graph
    try EliminateDeadNodes().run(on: &graph, &context)
  }

  private func multiplyCodes(for id: NodeID, _ editor: inout GraphEditor) throws(Diagnostic) {
    let graph = editor.graph
    guard let op = graph[id].op as? LearnedQuantizeGradient, op.method == .lsq, op.axis == nil,
      op.blockSize == 0, op.grid.bits <= 8,
      graph[id].results.count > 1, let dScale = graph[id].results[1],
      graph[id].results.enumerated().allSatisfy({ $0 == 1 || graph.isUnused($1) }),
      let dx = graph[id].operands[0], let x = graph[id].operands[1], graph.isUsedOnce(dx),
      graph[x].type.element == .f32, let factors = InputGradient(dx, in: graph)
    else { return }
    editor.begin(at: id)
    let operands = [factors.dy, factors.b, factors.bScale]
    let new = editor.builder.emit(
      GemmScaleGradient(of: op, transB: factors.transB),
      operands + graph[id].operands[1...3].compactMap(\.self), results: 1,
      name: graph[dScale].name + ".product")
    try editor.builder.graph.replaceAllUses(of: dScale, with: new[0])
    editor.noteChange(id)
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

extension Graph {
  /// Whether nobody reads a result.
  fileprivate func isUnused(_ value: ValueID?) -> Bool {
    value.map { users(of: $0).isEmpty && !isOutput($0) } ?? true
  }
}
