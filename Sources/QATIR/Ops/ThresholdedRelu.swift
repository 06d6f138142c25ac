import QATCore

/// `x` where `x > alpha`, else 0.
public struct ThresholdedRelu: UnaryElementwise {
  public static let name: OpName = "ThresholdedRelu"
  public static let attributes: [Attribute<Self>] = [.init("alpha", \.alpha)]
  /// The threshold.
  public var alpha: Float = 1
  public init() {}
}

extension ThresholdedRelu: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let alpha = builder.scalar(Double(alpha), like: call.operand(0))
    let isAbove = builder.emit(Greater(), [call.operand(0), alpha])
    return [builder.keep(call.seed, where: isAbove)]
  }
}
