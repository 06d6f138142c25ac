import QATCore

/// The square root; NaN below 0.
public struct Sqrt: UnaryElementwise {
  public static let name: OpName = "Sqrt"
  public init() {}
}

extension Sqrt: Differentiable {
  /// `dx = dy / (2 y)`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let half = builder.multiply(call.seed, by: 0.5)
    return [builder.divide(half, call.result)]
  }
}
