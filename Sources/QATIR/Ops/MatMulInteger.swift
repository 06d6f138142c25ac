import QATCore

/// Matrix product of codes, accumulated: `y = sum (A - a_zero_point) * (B - b_zero_point)`, modulo
/// 2^32.
///
/// - Operands: `A` and `B` i8 or u8, shaped as for `MatMul`; zero points, optional, of `A` [] or
///   [M], one a row, and of `B` [] or [N], one a column.
/// - Result: i32, shaped as for `MatMul`.
public struct MatMulInteger: Operation {
  public static let name: OpName = "MatMulInteger"
  public static let operands: [OperandSpec] = [
    .codes8("A", as: "T1"), .codes8("B", as: "T2"), .codes8("a_zero_point", as: "T1", .optional),
    .codes8("b_zero_point", as: "T2", .optional),
  ]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let a = operands[0].knownShape, b = operands[1].knownShape
    let shape = try matMulShape(a, b)
    try checkQuantization(
      operands, scale: 2, zeroPoint: 2, channels: a.rank > 1 ? a[a.rank - 2] : 1)
    try checkQuantization(
      operands, scale: 3, zeroPoint: 3, channels: b.rank > 1 ? b[b.rank - 1] : 1)
    return [TensorType(.i32, shape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] { [.i32] }
}
