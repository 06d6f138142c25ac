import QATCore

/// `a ≤ b`.
public struct LessOrEqual: ComparisonElementwise {
  public static let name: OpName = "LessOrEqual"
  public init() {}
}
