import QATCore

/// Matrix product of floats, quantized by their own range, with codes.
///
///     q, a_scale, a_zero_point = DynamicQuantizeLinear(A)
///     y = MatMulIntegerToFloat(q, B, a_scale, b_scale, a_zero_point, b_zero_point, bias)
///
/// - Operands: `A` f32; `B` i8 or u8, shaped as for `MatMul`; `b_scale` [], [N] or [..., 1, N];
///   `b_zero_point`, optional, shaped like it; `bias`, optional, [N].
/// - Result: f32, shaped as for `MatMul`.
/// - Source: ONNX Runtime's contrib operators, com.microsoft, version 1.
public struct DynamicQuantizeMatMul: Operation {
  public static let name: OpName = "com.microsoft.DynamicQuantizeMatMul"
  public static let operands: [OperandSpec] = [
    .f32("A"), .codes8("B", as: "T2"), .f32("b_scale"),
    .codes8("b_zero_point", as: "T2", .optional),
    OperandSpec("bias", [.f32], as: nil, .optional),
  ]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let shape = try matMulShape(operands[0].knownShape, operands[1].knownShape)
    try checkMatrixQuantization(operands, 1, scale: 2, zeroPoint: 3, axis: -1)
    try checkProductBias(operands.optional(4), product: shape)
    return [TensorType(.f32, shape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] { [.f32] }
}
