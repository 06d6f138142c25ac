import QATCore

/// `e` to the power `x`.
public struct Exp: UnaryElementwise {
  public static let name: OpName = "Exp"
  public init() {}
}

extension Exp: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] { [builder.multiply(call.seed, call.result)] }
}
