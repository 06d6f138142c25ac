import QATCore

/// The mean of `(prediction - target)²`.
public struct MeanSquaredError: ElementwiseLoss {
  public static let name: OpName = "qat.MeanSquaredError"
  public init() {}
}

extension MeanSquaredError: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let difference = builder.subtract(call.operand(0), call.operand(1))
    let slope = builder.multiply(difference, by: 2)
    let gradient = builder.multiply(share(of: call, in: &builder), slope)
    return [gradient, call.needs(1) ? builder.emit(Neg(), [gradient]) : nil]
  }
}
