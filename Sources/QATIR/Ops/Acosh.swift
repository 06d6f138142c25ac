import QATCore

/// The number, not negative, whose hyperbolic cosine is `x`; NaN below 1.
public struct Acosh: UnaryElementwise {
  public static let name: OpName = "Acosh"
  public init() {}
}

extension Acosh: Differentiable {
  /// `dx = dy / √(x² - 1)`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0), square = builder.multiply(x, x)
    let root = builder.emit(Sqrt(), [builder.add(square, -1)])
    return [builder.divide(call.seed, root)]
  }
}
