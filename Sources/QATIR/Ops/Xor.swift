import QATCore

/// Exactly one of `a` and `b`.
public struct Xor: ComparisonElementwise {
  public static let name: OpName = "Xor"
  public static let elements: Set<ElementType> = [.bool]
  public init() {}
}
