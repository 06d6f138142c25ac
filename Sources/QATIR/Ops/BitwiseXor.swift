import QATCore

/// The bits in which `a` and `b` differ. Integers alone.
public struct BitwiseXor: BinaryElementwise {
  public static let name: OpName = "BitwiseXor"
  public static let elements = Set<ElementType>.integers
  public init() {}
}
