import QATCore

/// The hyperbolic tangent.
public struct Tanh: UnaryElementwise {
  public static let name: OpName = "Tanh"
  public init() {}
}

extension Tanh: Differentiable {
  /// `dx = dy · (1 - y²)`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let square = builder.multiply(call.result, call.result)
    return [builder.multiply(call.seed, builder.subtract(square, from: 1))]
  }
}
