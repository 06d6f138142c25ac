import QATCore

/// The angle in radians, in [0, π], whose cosine is `x`; NaN outside [-1, 1].
public struct Acos: UnaryElementwise {
  public static let name: OpName = "Acos"
  public init() {}
}

extension Acos: Differentiable {
  /// `dx = -dy / √(1 - x²)`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0), square = builder.multiply(x, x)
    let root = builder.emit(Sqrt(), [builder.subtract(square, from: 1)])
    return [builder.emit(Neg(), [builder.divide(call.seed, root)])]
  }
}
