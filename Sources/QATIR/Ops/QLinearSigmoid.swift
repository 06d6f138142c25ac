import QATCore

/// `1 / (1 + exp(-x))` of codes: `saturate(rint(sigmoid((X - X_zero) * X_scale) / Y_scale) +
/// Y_zero)`.
///
/// - Operands: `X` i8 or u8 [...]; scales f32 []; zero points [], optional (0).
/// - Result: the type of `X`.
public struct QLinearSigmoid: QLinearUnary {
  public static let name: OpName = "com.microsoft.QLinearSigmoid"
  public init() {}
}
