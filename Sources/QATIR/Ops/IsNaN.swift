import QATCore

/// Whether `x` is no number.
public struct IsNaN: FloatPredicate {
  public static let name: OpName = "IsNaN"
  public init() {}
}
