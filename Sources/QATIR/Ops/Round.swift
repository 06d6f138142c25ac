import QATCore

/// The nearest integer; of two that are as near, the even one.
public struct Round: UnaryElementwise {
  public static let name: OpName = "Round"
  public init() {}
}

extension Round: Differentiable {
  /// None: the function is constant between its steps.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] { [nil] }
}
