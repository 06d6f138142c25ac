import QATCore

/// `x` where `x ≥ 0`, else `alpha · x`.
public struct LeakyRelu: UnaryElementwise {
  public static let name: OpName = "LeakyRelu"
  public static let attributes: [Attribute<Self>] = [.init("alpha", \.alpha)]
  /// The slope below 0.
  public var alpha: Float = 0.01
  public init() {}
  public init(alpha: Float) { self.alpha = alpha }
}

extension LeakyRelu: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let zero = builder.scalar(0, like: call.operand(0))
    let isNegative = builder.emit(Less(), [call.operand(0), zero])
    let small = builder.multiply(call.seed, by: Double(alpha))
    return [builder.emit(Where(), [isNegative, small, call.seed])]
  }
}
