import QATCore

/// -1, 0 or 1, as `x` is negative, zero or positive.
public struct Sign: UnaryElementwise {
  public static let name: OpName = "Sign"
  public static let elements: Set<ElementType> = .numeric
  public init() {}
}

extension Sign: Differentiable {
  /// None: the function is constant between its steps.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] { [nil] }
}
