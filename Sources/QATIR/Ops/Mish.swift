import QATCore

/// `x · tanh(log(1 + eˣ))`.
///
/// - Source: Misra, arXiv:1908.08681.
public struct Mish: UnaryElementwise {
  public static let name: OpName = "Mish"
  public init() {}
}

extension Mish: Differentiable {
  /// `dx = dy · (t + x · (1 - t²) · sigmoid(x))`, `t = tanh(log(1 + eˣ))`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0)
    let t = builder.emit(Tanh(), [builder.emit(Softplus(), [x])])
    let rest = builder.subtract(builder.multiply(t, t), from: 1)
    let inner = builder.multiply(rest, builder.emit(Sigmoid(), [x]))
    let slope = builder.add(t, builder.multiply(x, inner))
    return [builder.multiply(call.seed, slope)]
  }
}

extension Mish: Expandable {
  public func expansion(of operands: [ValueID?], in builder: inout GraphBuilder) -> ValueID {
    let x = builder.required(operands, 0)
    return builder.multiply(x, builder.emit(Tanh(), [builder.emit(Softplus(), [x])]))
  }
}
