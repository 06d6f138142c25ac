import QATCore

/// The angle in radians, in [-π/2, π/2], whose sine is `x`; NaN outside [-1, 1].
public struct Asin: UnaryElementwise {
  public static let name: OpName = "Asin"
  public init() {}
}

extension Asin: Differentiable {
  /// `dx = dy / √(1 - x²)`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0), square = builder.multiply(x, x)
    let root = builder.emit(Sqrt(), [builder.subtract(square, from: 1)])
    return [builder.divide(call.seed, root)]
  }
}
