import QATCore

/// The number of elements of a tensor.
///
/// - Operand: `data` of any type.
/// - Result: i64[].
public struct Size: TakesUnknownRank, ShapeArithmetic {
  public static let name: OpName = "Size"
  public static let operands: [OperandSpec] = [.any("data")]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    [TensorType(.i64, [])]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] { [.i64] }

  public func dimensions(_ operands: Operands) -> [Dimension]? {
    operands[0].shape.map { [$0.elementCount] }
  }
}
