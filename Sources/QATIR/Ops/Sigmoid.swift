import QATCore

/// `1 / (1 + exp(-x))`.
public struct Sigmoid: UnaryElementwise {
  public static let name: OpName = "Sigmoid"
  public init() {}
}

extension Sigmoid: Differentiable {
  /// `dx = dy · y · (1 - y)`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let rest = builder.subtract(call.result, from: 1)
    let slope = builder.multiply(call.result, rest)
    return [builder.multiply(call.seed, slope)]
  }
}
