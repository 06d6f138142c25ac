import QATCore

/// True where `x` is false.
public struct Not: UnaryElementwise {
  public static let name: OpName = "Not"
  public static let elements: Set<ElementType> = [.bool]
  public init() {}
}
