import QATCore

/// Its operand, unchanged, as a constant to gradients: for state that a formula reads but the loss must
/// not train, such as running statistics.
///
/// - Operand: `x`. - Result: the type of `x`. - Gradient: none.
public struct StopGradient: Operation, StopsGradient {
  public static let name: OpName = "qat.StopGradient"
  public static let operands: [OperandSpec] = [.any("x")]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] { [operands[0]] }
}
