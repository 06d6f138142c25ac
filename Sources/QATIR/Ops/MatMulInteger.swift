import QATCore

/// Matrix product of codes, accumulated: `y = sum (A - a_zero_point) * (B - b_zero_point)`, modulo
/// 2^32.
///
/// - Operands: `A` and `B` i8 or u8, shaped as for `MatMul`; zero points, optional, of `A` [], one a
///   row ([M]), or one a row of each matrix ([..., M, 1]), and of `B` [], [N] or [..., 1, N].
/// - Result: i32, shaped as for `MatMul`.
public struct MatMulInteger: Operation {
  public static let name: OpName = "MatMulInteger"
  public static let operands: [OperandSpec] = [
    .codes8("A", as: "T1"), .codes8("B", as: "T2"), .codes8("a_zero_point", as: "T1", .optional),
    .codes8("b_zero_point", as: "T2", .optional),
  ]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let shape = try matMulShape(operands[0].knownShape, operands[1].knownShape)
    try checkMatrixQuantization(operands, 0, zeroPoint: 2, axis: -2)
    try checkMatrixQuantization(operands, 1, zeroPoint: 3, axis: -1)
    return [TensorType(.i32, shape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] { [.i32] }
}
