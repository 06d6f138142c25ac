import QATCore

/// The largest integer not above `x`.
public struct Floor: UnaryElementwise {
  public static let name: OpName = "Floor"
  public init() {}
}

extension Floor: Differentiable {
  /// None: the function is constant between its steps.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] { [nil] }
}
