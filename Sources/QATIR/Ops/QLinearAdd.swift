import QATCore

/// Sum of two tensors of codes, broadcast.
///
///     F = C_zero - fma(A_scale/C_scale, A_zero, (B_scale/C_scale) * B_zero)
///     C = saturate(rint(fma(A, A_scale/C_scale, fma(B, B_scale/C_scale, F))))
///
/// with A and B exchanged where A is broadcast along the innermost axis
/// (`quantizedSumSwapsOperands`).
///
/// - Operands: `A`, `B` i8 or u8 of one type; scales f32 []; zero points [], optional (0).
/// - Result: of the type of `A`.
public struct QLinearAdd: QLinearBinary {
  public static let name: OpName = "com.microsoft.QLinearAdd"
  public init() {}
}
