import QATCore

/// The natural logarithm.
public struct Log: UnaryElementwise {
  public static let name: OpName = "Log"
  public init() {}
}

extension Log: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] { [builder.divide(call.seed, call.operand(0))] }
}
