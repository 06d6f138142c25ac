import QATCore

/// The number whose hyperbolic tangent is `x`; NaN outside [-1, 1].
public struct Atanh: UnaryElementwise {
  public static let name: OpName = "Atanh"
  public init() {}
}

extension Atanh: Differentiable {
  /// `dx = dy / (1 - x²)`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0), square = builder.multiply(x, x)
    return [builder.divide(call.seed, builder.subtract(square, from: 1))]
  }
}
