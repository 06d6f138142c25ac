import QATCore

/// Matrix product of codes with a float result.
///
///     acc = sum (A - a_zero_point) * (B - b_zero_point[n])                   int32, modulo 2^32
///     y   = f32(acc) * (a_scale * b_scale[n]) + bias[n]                      rounded at each step
///
/// - Operands: `A` and `B` i8 or u8, shaped as for `MatMul`; `a_scale` [], `b_scale` [], [N] or
///   [..., 1, N], f32 or f16; `a_zero_point` and `b_zero_point`, optional, shaped like the scales;
///   `bias`, optional, [N].
/// - Result: of the type of the scales, shaped as for `MatMul`.
/// - Source: ONNX Runtime's contrib operators, com.microsoft, version 1.
public struct MatMulIntegerToFloat: Operation {
  public static let name: OpName = "com.microsoft.MatMulIntegerToFloat"
  public static let operands: [OperandSpec] = [
    .codes8("A", as: "T1"), .codes8("B", as: "T2"), OperandSpec("a_scale", [.f32, .f16], as: "T3"),
    OperandSpec("b_scale", [.f32, .f16], as: "T3"), .codes8("a_zero_point", as: "T1", .optional),
    .codes8("b_zero_point", as: "T2", .optional),
    OperandSpec("bias", [.f32, .f16], as: "T3", .optional),
  ]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let shape = try matMulShape(operands[0].knownShape, operands[1].knownShape)
    try checkQuantization(operands, scale: 2, zeroPoint: 4)
    try checkMatrixQuantization(operands, 1, scale: 3, zeroPoint: 5, axis: -1)
    try checkProductBias(operands.optional(6), product: shape)
    return [TensorType(operands[2].element, shape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    [operands.optional(2)?.element ?? .f32]
  }
}

/// Checks that a summand of a product has one number a column.
func checkProductBias(_ bias: TensorType?, product: Shape) throws(Diagnostic) {
  guard let bias = bias?.shape, let columns = product.dimensions.last else { return }
  guard bias.rank == 1, bias[0].size == nil || columns.size == nil || bias[0] == columns else {
    throw Diagnostic(.shapeMismatch, "bias has shape \(bias), expected [\(columns)]")
  }
}
