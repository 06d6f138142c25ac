import QATCore

/// The largest of its operands, broadcast. Operands that tie share the gradient equally.
public struct Max: VariadicElementwise {
  public static let name: OpName = "Max"
  public init() {}
}

extension Max: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] { extremumGradients(of: call, in: &builder) }
}
