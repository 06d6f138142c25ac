import QATCore

/// `x / (1 + |x|)`.
public struct Softsign: UnaryElementwise {
  public static let name: OpName = "Softsign"
  public init() {}
}

extension Softsign: Differentiable {
  /// `dx = dy / (1 + |x|)²`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let size = builder.add(builder.emit(Abs(), [call.operand(0)]), 1)
    return [builder.divide(call.seed, builder.multiply(size, size))]
  }
}
