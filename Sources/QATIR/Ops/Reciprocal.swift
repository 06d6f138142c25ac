import QATCore

/// `1 / x`.
public struct Reciprocal: UnaryElementwise {
  public static let name: OpName = "Reciprocal"
  public init() {}
}

extension Reciprocal: Differentiable {
  /// `dx = -dy · y²`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let square = builder.multiply(call.result, call.result)
    return [builder.emit(Neg(), [builder.multiply(call.seed, square)])]
  }
}
