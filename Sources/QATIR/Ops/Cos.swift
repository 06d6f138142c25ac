import QATCore

/// The cosine of an angle in radians.
public struct Cos: UnaryElementwise {
  public static let name: OpName = "Cos"
  public init() {}
}

extension Cos: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let slope = builder.emit(Neg(), [builder.emit(Sin(), [call.operand(0)])])
    return [builder.multiply(call.seed, slope)]
  }
}
