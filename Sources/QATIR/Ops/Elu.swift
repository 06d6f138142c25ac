import QATCore

/// `x` where `x ≥ 0`, else `alpha · (eˣ - 1)`.
///
/// - Source: Clevert, Unterthiner, Hochreiter, arXiv:1511.07289.
public struct Elu: UnaryElementwise {
  public static let name: OpName = "Elu"
  public static let attributes: [Attribute<Self>] = [.init("alpha", \.alpha)]
  /// What the result goes to, negated, far below 0.
  public var alpha: Float = 1
  public init() {}
}

extension Elu: Differentiable {
  /// `dx = dy` where `x ≥ 0`, else `dy · (y + alpha)`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let zero = builder.scalar(0, like: call.operand(0))
    let isNegative = builder.emit(Less(), [call.operand(0), zero])
    let slope = builder.add(call.result, Double(alpha))
    let bent = builder.multiply(call.seed, slope)
    return [builder.emit(Where(), [isNegative, bent, call.seed])]
  }
}
