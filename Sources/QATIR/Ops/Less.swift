import QATCore

/// `a < b`.
public struct Less: ComparisonElementwise {
  public static let name: OpName = "Less"
  public init() {}
}
