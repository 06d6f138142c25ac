import QATCore

/// The hyperbolic sine.
public struct Sinh: UnaryElementwise {
  public static let name: OpName = "Sinh"
  public init() {}
}

extension Sinh: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let slope = builder.emit(Cosh(), [call.operand(0)])
    return [builder.multiply(call.seed, slope)]
  }
}
