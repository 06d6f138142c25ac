import QATCore

/// The largest element of each channel over all spatial positions.
///
/// - Operand: `x` float[N, C, spatial...].
/// - Result: float[N, C, 1...].
public struct GlobalMaxPool: Operation {
  public static let name: OpName = "GlobalMaxPool"
  public static let operands: [OperandSpec] = [.float("x")]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    [TensorType(operands[0].element, try globallyPooledShape(operands[0].knownShape))]
  }
}

extension GlobalMaxPool: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(GlobalMaxPoolGradient(), [call.seed, call.operand(0)])]
  }
}
