import QATCore

/// `a`, or `b`, or both.
public struct Or: ComparisonElementwise {
  public static let name: OpName = "Or"
  public static let elements: Set<ElementType> = [.bool]
  public init() {}
}
