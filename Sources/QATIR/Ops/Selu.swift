import QATCore

/// `gamma · x` where `x > 0`, else `gamma · alpha · (eˣ - 1)`.
///
/// - Source: Klambauer et al., arXiv:1706.02515.
public struct Selu: UnaryElementwise {
  public static let name: OpName = "Selu"
  public static let attributes: [Attribute<Self>] = [
    .init("alpha", \.alpha), .init("gamma", \.gamma),
  ]
  /// What the exponential part is multiplied by, before `gamma`.
  public var alpha: Float = 1.67326319217681884765625
  /// What all is multiplied by.
  public var gamma: Float = 1.05070102214813232421875
  public init() {}
}

extension Selu: Differentiable {
  /// `dx = gamma · dy` where `x > 0`, else `dy · (y + gamma · alpha)`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let zero = builder.scalar(0, like: call.operand(0))
    let isPositive = builder.emit(Greater(), [call.operand(0), zero])
    let straight = builder.multiply(call.seed, by: Double(gamma))
    let slope = builder.add(call.result, Double(gamma) * Double(alpha))
    let bent = builder.multiply(call.seed, slope)
    return [builder.emit(Where(), [isPositive, straight, bent])]
  }
}
