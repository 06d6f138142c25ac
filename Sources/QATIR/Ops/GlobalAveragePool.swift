import QATCore

/// The mean of each channel over all spatial positions.
///
/// - Operand: `x` float[N, C, spatial...].
/// - Result: float[N, C, 1...].
public struct GlobalAveragePool: Operation {
  public static let name: OpName = "GlobalAveragePool"
  public static let operands: [OperandSpec] = [.float("x")]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    [TensorType(operands[0].element, try globallyPooledShape(operands[0].knownShape))]
  }
}

extension GlobalAveragePool: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(GlobalAveragePoolGradient(), [call.seed, call.operand(0)])]
  }
}

/// `[N, C, 1...]` for an input `[N, C, spatial...]`.
func globallyPooledShape(_ x: Shape) throws(Diagnostic) -> Shape {
  guard x.rank >= 3 else {
    throw Diagnostic(
      .shapeMismatch, "x has shape \(x), expected a batch, channels and spatial axes",
      hint: "insert an Unsqueeze")
  }
  return Shape([x[0], x[1]] + Array(repeating: 1, count: x.rank - 2))
}
