import QATCore

/// Its operand, unchanged.
public struct Identity: Operation, ShapeArithmetic {
  public static let name: OpName = "Identity"
  public static let operands: [OperandSpec] = [.any("x")]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] { [operands[0]] }
  public func dimensions(_ operands: Operands) -> [Dimension]? { operands.dimensions(0) }
}

extension Identity: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] { [call.seed] }
}
