import QATCore

/// `x · max(0, min(1, x/6 + 1/2))`.
///
/// - Source: Howard et al., arXiv:1905.02244, section 5.2.
public struct HardSwish: UnaryElementwise {
  public static let name: OpName = "HardSwish"
  public init() {}
}

extension HardSwish: Differentiable {
  /// `dx = dy · (h + x/6 where 0 < h < 1)`, `h = max(0, min(1, x/6 + 1/2))`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0)
    let gate = builder.emit(HardSigmoid(alpha: 1 / 6, beta: 0.5), [x])
    let ramp = builder.keep(
      builder.multiply(x, by: 1.0 / 6), where: builder.isInside(gate, 0, 1))
    return [builder.multiply(call.seed, builder.add(gate, ramp))]
  }
}

extension HardSwish: Expandable {
  public func expansion(of operands: [ValueID?], in builder: inout GraphBuilder) -> ValueID {
    let x = builder.required(operands, 0)
    return builder.multiply(x, builder.emit(HardSigmoid(alpha: 1 / 6, beta: 0.5), [x]))
  }
}
