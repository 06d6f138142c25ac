import QATCore

/// The hyperbolic cosine.
public struct Cosh: UnaryElementwise {
  public static let name: OpName = "Cosh"
  public init() {}
}

extension Cosh: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let slope = builder.emit(Sinh(), [call.operand(0)])
    return [builder.multiply(call.seed, slope)]
  }
}
