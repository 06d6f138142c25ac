import QATCore

/// `a ≥ b`.
public struct GreaterOrEqual: ComparisonElementwise {
  public static let name: OpName = "GreaterOrEqual"
  public init() {}
}
