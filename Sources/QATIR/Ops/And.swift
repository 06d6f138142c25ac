import QATCore

/// Both `a` and `b`.
public struct And: ComparisonElementwise {
  public static let name: OpName = "And"
  public static let elements: Set<ElementType> = [.bool]
  public init() {}
}
