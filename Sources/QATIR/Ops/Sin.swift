import QATCore

/// The sine of an angle in radians.
public struct Sin: UnaryElementwise {
  public static let name: OpName = "Sin"
  public init() {}
}

extension Sin: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let slope = builder.emit(Cos(), [call.operand(0)])
    return [builder.multiply(call.seed, slope)]
  }
}
