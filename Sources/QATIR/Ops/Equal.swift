import QATCore

/// `a == b`.
public struct Equal: ComparisonElementwise {
  public static let name: OpName = "Equal"
  public static let elements: Set<ElementType> = .numeric.union([.bool])
  public init() {}
}
