import QATCore

/// The bits that are set in `a` or in `b`. Integers alone.
public struct BitwiseOr: BinaryElementwise {
  public static let name: OpName = "BitwiseOr"
  public static let elements = Set<ElementType>.integers
  public init() {}
}
