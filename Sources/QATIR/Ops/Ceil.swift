import QATCore

/// The smallest integer not below `x`.
public struct Ceil: UnaryElementwise {
  public static let name: OpName = "Ceil"
  public init() {}
}

extension Ceil: Differentiable {
  /// None: the function is constant between its steps.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] { [nil] }
}
