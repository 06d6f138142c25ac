import QATCore

/// `max(0, min(1, alpha · x + beta))`.
public struct HardSigmoid: UnaryElementwise {
  public static let name: OpName = "HardSigmoid"
  public static let attributes: [Attribute<Self>] = [
    .init("alpha", \.alpha), .init("beta", \.beta),
  ]
  /// The slope between the two ends.
  public var alpha: Float = 0.2
  /// The value at 0.
  public var beta: Float = 0.5
  public init() {}
  public init(alpha: Float, beta: Float) {
    self.alpha = alpha
    self.beta = beta
  }
}

extension HardSigmoid: Differentiable {
  /// `dx = alpha · dy` where `0 < y < 1`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let inside = builder.isInside(call.result, 0, 1)
    let slope = builder.multiply(call.seed, by: Double(alpha))
    return [builder.keep(slope, where: inside)]
  }
}
