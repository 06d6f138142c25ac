import QATCore

/// `log(1 + eˣ)`.
public struct Softplus: UnaryElementwise {
  public static let name: OpName = "Softplus"
  public init() {}
}

extension Softplus: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let slope = builder.emit(Sigmoid(), [call.operand(0)])
    return [builder.multiply(call.seed, slope)]
  }
}
