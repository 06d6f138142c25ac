import QATCore
import QATIR
import QATRewrite

/// Writes the codes of weights as small as they go, for products whose activations stay in float.
///
///     constant %codes: i8[64,10] = ...                       // of 4 bits
///     %w = DequantizeLinear(%codes, %scale, %zero) {axis = 0, block_size = 32}
///     %y = MatMul(%x, %w)
///     ->
///     constant %codes.packed: i4[64,10] = ...
///     %w = DequantizeLinear(%codes.packed, %scale, %zero) {axis = 0, block_size = 32}
///     %y = MatMul(%x, %w)
///
/// Codes and zero points that fit 4 bits are packed, two a byte (opset 21). The values are the same.
/// With `form=matmulnbits` a MatMul or Gemm becomes com.microsoft's `MatMulNBits`, which computes the
/// same sums in float32; one that it does not hold (more than 4 bits, blocks that are no power of two or
/// smaller than 16) stays, with a remark. Weights of products between quantized activations stay: they
/// are no business of this pass. Expects weights that `quantize-weights` made codes.
public struct LowerWeightOnly: Pass {
  /// DequantizeLinear in front of products, or com.microsoft's MatMulNBits where it can say it.
  public enum Form: String, CaseIterable, PassOptionValue, Sendable { case dequantize, matmulnbits }

  public static let name: PassName = "lower-weight-only"
  public static let summary = "pack the codes of weights whose products stay in float"
  public static let effect: Effect = .within(relativeTolerance: 1e-6)
  public static let entersBodies = true
  public static let options: [PassOption<Self>] = [
    .init("form", \.form, "how products read their codes"),
    .init(
      "accuracy-level", \.accuracyLevel, "what MatMulNBits may round activations to; 0 for float"),
  ]

  /// How products of packed weights are written.
  public var form = Form.dequantize
  /// Of MatMulNBits: what the runtime may compute with; 0 and 1 for float32, 4 for 8 bits.
  public var accuracyLevel = 0

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    guard (0...4).contains(accuracyLevel) else {
      throw Diagnostic(
        .invalidOption, "accuracy-level is \(accuracyLevel)",
        hint: "0 to 4, as ONNX Runtime counts")
    }
    if form == .matmulnbits {
      var editor = GraphEditor(graph)
      for id in graph.nodes where editor.graph.contains(id) {
        guard let weight = ConstantWeight(of: id, in: editor.graph), !weight.isBetweenCodes else {
          continue
        }
        do throws(Island) {
          let product = try PackedProduct(id, weight, in: editor.graph)
          editor.replace(id, with: product.term(accuracyLevel: accuracyLevel))
        } catch {
          context.remark(node: editor.graph[id].name, "stays a DequantizeLinear: \(error.reason)")
        }
      }
      if let failure = editor.builder.failure { throw failure }
      graph = editor.graph
      try FoldConstants().run(on: &graph, &context)
    }
    var matrices = 0
    for id in graph.nodes {
      for weight in ConstantWeight.all(of: id, in: graph) where !weight.isBetweenCodes {
        try pack(weight, in: &graph)
        if graph[id].op is MatMul { matrices += 1 }
      }
    }
    guard matrices > 0 else { return }
    context.remark(
      .note,
      "ONNX Runtime rounds the activations of \(matrices) matrix products to 8 bits, unless "
        + "session.qdq_matmulnbits_accuracy_level is 1; form=matmulnbits keeps them in float")
  }

  /// Codes of 4 bits, two a byte.
  private func pack(_ weight: ConstantWeight, in graph: inout Graph) throws(Diagnostic) {
    let (element, range): (ElementType, ClosedRange<Int>) =
      weight.codes.element == .i8 ? (.i4, -8...7) : (.u4, 0...15)
    guard [.i8, .u8].contains(weight.codes.element), let codes = weight.codes.integers,
      let zeros = weight.zeros.integers, (codes + zeros).allSatisfy(range.contains)
    else { return }
    // Another reader of the codes keeps them as they are.
    for (index, tensor, integers) in [(0, weight.codes, codes), (2, weight.zeros, zeros)] {
      guard let operand = graph[weight.node].operands[index] else { continue }
      let name = graph.freeValueName(graph[operand].name + ".packed")
      let packed = graph.addConstant(
        name, AnyTensor(element, shape: tensor.shape, integers: integers))
      graph.setOperand(index, of: weight.node, to: packed)
      if graph.users(of: operand).isEmpty, !graph.isOutput(operand) { graph.remove(operand) }
    }
  }
}
