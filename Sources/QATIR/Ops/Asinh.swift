import QATCore

/// The number whose hyperbolic sine is `x`.
public struct Asinh: UnaryElementwise {
  public static let name: OpName = "Asinh"
  public init() {}
}

extension Asinh: Differentiable {
  /// `dx = dy / √(x² + 1)`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0), square = builder.multiply(x, x)
    let root = builder.emit(Sqrt(), [builder.add(square, 1)])
    return [builder.divide(call.seed, root)]
  }
}
