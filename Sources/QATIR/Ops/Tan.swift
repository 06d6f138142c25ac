import QATCore

/// The tangent of an angle in radians.
public struct Tan: UnaryElementwise {
  public static let name: OpName = "Tan"
  public init() {}
}

extension Tan: Differentiable {
  /// `dx = dy · (1 + y²)`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let slope = builder.add(builder.multiply(call.result, call.result), 1)
    return [builder.multiply(call.seed, slope)]
  }
}
