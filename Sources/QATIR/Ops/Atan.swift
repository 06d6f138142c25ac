import QATCore

/// The angle in radians, in [-π/2, π/2], whose tangent is `x`.
public struct Atan: UnaryElementwise {
  public static let name: OpName = "Atan"
  public init() {}
}

extension Atan: Differentiable {
  /// `dx = dy / (1 + x²)`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0), square = builder.multiply(x, x)
    return [builder.divide(call.seed, builder.add(square, 1))]
  }
}
