import QATCore

/// `max(0, x) + min(0, alpha · (e^(x/alpha) - 1))`: an `Elu` whose slope is continuous for every
/// `alpha`.
///
/// - Source: Barron, arXiv:1704.07483.
public struct Celu: UnaryElementwise {
  public static let name: OpName = "Celu"
  public static let attributes: [Attribute<Self>] = [.init("alpha", \.alpha)]
  /// What the result goes to, negated, far below 0.
  public var alpha: Float = 1
  public init() {}
}

extension Celu: Differentiable {
  /// `dx = dy` where `x ≥ 0`, else `dy · (y / alpha + 1)`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let zero = builder.scalar(0, like: call.operand(0))
    let isNegative = builder.emit(Less(), [call.operand(0), zero])
    let slope = builder.add(builder.multiply(call.result, by: 1 / Double(alpha)), 1)
    let bent = builder.multiply(call.seed, slope)
    return [builder.emit(Where(), [isNegative, bent, call.seed])]
  }
}
