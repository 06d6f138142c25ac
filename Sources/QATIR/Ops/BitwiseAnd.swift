import QATCore

/// The bits that are set in both `a` and `b`. Integers alone.
public struct BitwiseAnd: BinaryElementwise {
  public static let name: OpName = "BitwiseAnd"
  public static let elements = Set<ElementType>.integers
  public init() {}
}
