import QATCore

/// The logarithm of the sum of `eˣ` along `axes`; of integers truncated.
public struct ReduceLogSumExp: Reduction {
  public static let name: OpName = "ReduceLogSumExp"
  public static let attributes: [Attribute<Self>] = [
    .init("keepdims", \.keepDimensions), .init("noop_with_empty_axes", \.noopWithEmptyAxes),
  ]
  public var keepDimensions = true
  public var noopWithEmptyAxes = false
  public init() {}
}

extension ReduceLogSumExp: Differentiable {
  /// `dx = dy · e^(x - y)`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0), expansion = try expansion(of: call, in: builder)
    let total = builder.emit(expansion, [call.result, x])
    let weight = builder.emit(Exp(), [builder.subtract(x, total)])
    return [builder.multiply(builder.emit(expansion, [call.seed, x]), weight), nil]
  }
}
