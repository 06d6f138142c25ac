import QATCore

/// Product of two tensors of codes, broadcast.
///
///     m = (A_scale * B_scale) / C_scale
///     C = saturate(rint(f32((A - A_zero) * (B - B_zero)) * m + C_zero))
///
/// - Operands: `A`, `B` i8 or u8 of one type; scales f32 []; zero points [], optional (0).
/// - Result: of the type of `A`.
public struct QLinearMul: QLinearBinary {
  public static let name: OpName = "com.microsoft.QLinearMul"
  public init() {}
}
