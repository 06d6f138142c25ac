import QATCore

/// `a + b`, broadcast.
public struct Add: BinaryElementwise, ShapeArithmetic {
  public static let name: OpName = "Add"
  public init() {}
  public func dimensions(_ operands: Operands) -> [Dimension]? { elementwiseDimensions(operands, +) }
}
