import QATCore

/// The smallest of its operands, broadcast. Operands that tie share the gradient equally.
public struct Min: VariadicElementwise {
  public static let name: OpName = "Min"
  public init() {}
}

extension Min: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] { extremumGradients(of: call, in: &builder) }
}
