import QATCore
import QATIR
import QATRewrite

/// Writes the fake-quantizers of activations as `QuantizeLinear` and `DequantizeLinear`, the form that
/// ONNX Runtime, OpenVINO and TensorRT fuse into integer kernels.
///
///     %1 = qat.FakeQuantize(%x, %scale, %zero_point) {grid = "u8"}
///     ->
///     %q = QuantizeLinear(%x, %scale, %zero)
///     %1 = DequantizeLinear(%q, %scale, %zero)
///
/// Every zero point is written. A grid narrower than its 8-bit container gets a `Clip` of the codes
/// between the two.
public struct LowerToQDQ: Pass {
  public static let name: PassName = "lower-to-qdq"
  public static let summary = "write fake-quantizers as QuantizeLinear and DequantizeLinear"
  public static let effect: Effect = .exact
  public static let entersBodies = true

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    var editor = GraphEditor(graph)
    for id in graph.nodes {
      let node = editor.graph[id]
      guard let quantizer = node.op as? FakeQuantize else { continue }
      guard let x = node.operands[0], let scale = node.operands[1], let zero = node.operands[2],
        editor.graph[scale].constant != nil, editor.graph[zero].constant != nil
      else {
        throw Diagnostic(
          .invalidGraph, "the quantizer '\(node.name)' has no constant scale",
          hint: "run calibrate, freeze and fold-constants first")
      }
      let zeroPoint = codesOfZero(Term(zero), quantizer.grid)
      let codes = quantizedCodes(
        Term(x), Term(scale), zeroPoint: Term(zero), grid: quantizer.grid, axis: quantizer.axis,
        blockSize: quantizer.blockSize)
      var dequantize = DequantizeLinear()
      if let axis = quantizer.axis { dequantize.axis = axis }
      dequantize.blockSize = quantizer.blockSize
      editor.replace(id, with: dequantize, [codes, Term(scale), zeroPoint])
    }
    if let failure = editor.builder.failure { throw failure }
    graph = editor.graph
    try FoldConstants().run(on: &graph, &context)
    try EliminateCommonSubexpressions().run(on: &graph, &context)
  }
}
