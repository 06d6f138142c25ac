import QATCore

/// The Euclidean norm of all its operands together: sqrt of the sum of all squares.
///
/// - Operands: any number of float tensors of one type. - Result: a scalar of that type.
public struct GlobalNorm: Operation {
  public static let name: OpName = "qat.GlobalNorm"
  public static let operands: [OperandSpec] = [.float("x", .variadic)]

  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    [TensorType(operands[0].element, [])]
  }
}
