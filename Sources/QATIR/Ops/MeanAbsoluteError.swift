import QATCore

/// The mean of `|prediction - target|`; its gradient where the two agree is 0.
public struct MeanAbsoluteError: ElementwiseLoss {
  public static let name: OpName = "qat.MeanAbsoluteError"
  public init() {}
}

extension MeanAbsoluteError: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let difference = builder.subtract(call.operand(0), call.operand(1))
    let sign = builder.emit(Sign(), [difference])
    let gradient = builder.multiply(share(of: call, in: &builder), sign)
    return [gradient, call.needs(1) ? builder.emit(Neg(), [gradient]) : nil]
  }
}
