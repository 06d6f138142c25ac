import QATCore

/// `x` where it is not negative, else `alpha * x`, of codes:
/// `saturate(rint(leakyRelu((X - X_zero) * X_scale) / Y_scale) + Y_zero)`.
///
/// - Operands: `X` i8 or u8 [...]; scales f32 []; zero points [], optional (0).
/// - Result: the type of `X`.
public struct QLinearLeakyRelu: QLinearUnary {
  public static let name: OpName = "com.microsoft.QLinearLeakyRelu"
  public static let attributes: [Attribute<Self>] = [.init("alpha", \.alpha)]

  /// The slope below 0.
  public var alpha: Float = 0.01
  public init() {}
  public init(alpha: Float) { self.alpha = alpha }
}
