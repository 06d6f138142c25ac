import QATCore

/// `a > b`.
public struct Greater: ComparisonElementwise {
  public static let name: OpName = "Greater"
  public init() {}
}
