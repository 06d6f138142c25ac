import QATCore

/// Whether `x` is infinite, of the signs that the attributes ask for.
public struct IsInf: FloatPredicate {
  public static let name: OpName = "IsInf"
  public static let attributes: [Attribute<Self>] = [
    .init("detect_negative", \.detectNegative), .init("detect_positive", \.detectPositive),
  ]
  /// Whether -∞ counts.
  public var detectNegative = true
  /// Whether +∞ counts.
  public var detectPositive = true
  public init() {}
}
