import QATCore

/// Matrix product of codes to codes.
///
///     acc = sum (a - a_zero_point) * (b - b_zero_point[n])                   int32, modulo 2^32
///     y   = saturate(rint(f32(acc) * ((a_scale * b_scale[n]) / y_scale)) + y_zero_point)
///
/// - Operands: `a` and `b` i8 or u8, shaped as for `MatMul`; parameters of `a` [] or [M], one a
///   row; of `b` [] or [N], one a column; of `y` [].
/// - Result: of the type of `y_zero_point`, shaped as for `MatMul`.
public struct QLinearMatMul: Operation {
  public static let name: OpName = "QLinearMatMul"
  public static let operands: [OperandSpec] = [
    .codes8("a", as: "T1"), OperandSpec("a_scale", .scales, as: "TS"),
    .codes8("a_zero_point", as: "T1"),
    .codes8("b", as: "T2"), OperandSpec("b_scale", .scales, as: "TS"),
    .codes8("b_zero_point", as: "T2"),
    OperandSpec("y_scale", .scales, as: "TS"), .codes8("y_zero_point", as: "T3"),
  ]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let a = operands[0].knownShape
    let b = operands[3].knownShape
    let shape = try matMulShape(a, b)
    try checkQuantization(
      operands, scale: 1, zeroPoint: 2, channels: a.rank > 1 ? a[a.rank - 2] : 1)
    try checkQuantization(
      operands, scale: 4, zeroPoint: 5, channels: b.rank > 1 ? b[b.rank - 1] : 1)
    try checkQuantization(operands, scale: 6, zeroPoint: 7)
    return [TensorType(operands[7].element, shape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    [operands.optional(7)?.element ?? .u8]
  }
}
