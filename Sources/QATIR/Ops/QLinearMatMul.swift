import QATCore

/// Matrix product of codes to codes.
///
///     acc = sum (a - a_zero_point) * (b - b_zero_point[n])                   int32, modulo 2^32
///     y   = saturate(rint(f32(acc) * ((a_scale * b_scale[n]) / y_scale)) + y_zero_point)
///
/// 8-bit floats are multiplied and added in float32, and the result is rounded to its type.
///
/// - Operands: `a` and `b` 8-bit codes or floats, shaped as for `MatMul`; parameters of `a` [], one a
///   row ([M]), or one a row of each matrix ([..., M, 1]); of `b` [], [N] or [..., 1, N]; of `y` [].
/// - Result: of the type of `y_zero_point`, shaped as for `MatMul`.
public struct QLinearMatMul: Operation {
  public static let name: OpName = "QLinearMatMul"
  public static let operands: [OperandSpec] = [
    OperandSpec("a", .quantized8, as: "T1"), OperandSpec("a_scale", .scales, as: "TS"),
    OperandSpec("a_zero_point", .quantized8, as: "T1"),
    OperandSpec("b", .quantized8, as: "T2"), OperandSpec("b_scale", .scales, as: "TS"),
    OperandSpec("b_zero_point", .quantized8, as: "T2"),
    OperandSpec("y_scale", .scales, as: "TS"), OperandSpec("y_zero_point", .quantized8, as: "T3"),
  ]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let shape = try matMulShape(operands[0].knownShape, operands[3].knownShape)
    try checkMatrixQuantization(operands, 0, scale: 1, zeroPoint: 2, axis: -2)
    try checkMatrixQuantization(operands, 3, scale: 4, zeroPoint: 5, axis: -1)
    try checkQuantization(operands, scale: 6, zeroPoint: 7)
    return [TensorType(operands[7].element, shape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    [operands.optional(7)?.element ?? .u8]
  }
}
