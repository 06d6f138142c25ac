import QATCore
import QATIR
import QATRewrite

/// Replaces what computes between dequantizers and a quantizer by the integer op with the same codes
/// (ONNX's QOperator form).
///
///     %2 = Conv(%dx, %dw, %db)
///     %q = QuantizeLinear(%2, %scale, %zero)
///     ->
///     %q = QLinearConv(%x, %sx, %zx, %w, %sw, %zw, %scale, %zero, %b)
///
/// Which nodes those are `form-integer-regions` decides. What passes codes through (`MaxPool`,
/// `Reshape`, …) moves the codes themselves. Islands stay between dequantizer and quantizer.
public struct LowerToInteger: Pass {
  public static let name: PassName = "lower-to-integer"
  public static let summary = "replace quantized computations by integer operations"
  public static let effect: Effect = .withinCodes(share: 0.001)
  public static let entersBodies = true

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    var editor = GraphEditor(graph)
    for id in graph.nodes where editor.graph.contains(id) {
      let now = editor.graph
      guard let decision = IntegerRegions.decision(on: id, in: now),
        let quantizer = now.users(of: now[id].result).first
      else { continue }
      switch decision {
      case .island: continue
      case .integer(let form):
        editor.replace(quantizer, with: form.op, form.operands.map { $0.map { Term($0) } })
      case .codes:
        guard let x = now[id].operands[0].flatMap({ now.dequantized($0) }) else { continue }
        moveCodes(x.codes, through: id, to: quantizer, &editor)
      }
    }
    if let failure = editor.builder.failure { throw failure }
    graph = editor.graph
    try EliminateDeadNodes().run(on: &graph, &context)
  }
  /// Lets a node move codes to the quantizers of its results.
  private func moveCodes(
    _ codes: ValueID, through id: NodeID, to quantizer: NodeID, _ editor: inout GraphEditor
  ) {
    let now = editor.graph, node = now[id], results = now.floatResults(of: id)
    var operands = node.operands.map { $0.map { Term($0) } }
    operands[0] = Term(codes)
    if let fill = node.op as? any FillsWithNumber {
      fillWithCode(&operands, fill.numberOperand, of: now[quantizer])
    }
    guard results.count > 1 else {
      editor.replace(quantizer, with: node.op, operands)
      return
    }
    editor.begin(at: id)
    let values = operands.map { $0?.emit(in: &editor.builder) }
    let parts = editor.builder.emit(node.op, values, results: results.count)
    for (result, part) in zip(results, parts) {
      guard let quantizer = now.users(of: result).first else { continue }
      editor.replace(quantizer, with: Term(part))
    }
  }

  /// Puts the code of a number in its place: what the quantizer behind makes of it.
  private func fillWithCode(_ operands: inout [Term?], _ index: Int, of quantizer: Node) {
    guard let scale = quantizer.operands[1], let zero = quantizer.operands[2] else { return }
    while operands.count <= index { operands.append(nil) }
    operands[index] =
      operands[index].map { .op(quantizer.op, [$0, Term(scale), Term(zero)]) } ?? Term(zero)
  }
}
