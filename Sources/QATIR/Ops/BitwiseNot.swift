import QATCore

/// The bits that are not set in `x`. Integers alone.
public struct BitwiseNot: UnaryElementwise {
  public static let name: OpName = "BitwiseNot"
  public static let elements: Set<ElementType> = .integers
  public init() {}
}
