import QATCore

/// The square root of the sum of `x²` along `axes`; of integers truncated.
public struct ReduceL2: Reduction {
  public static let name: OpName = "ReduceL2"
  public static let attributes: [Attribute<Self>] = [
    .init("keepdims", \.keepDimensions), .init("noop_with_empty_axes", \.noopWithEmptyAxes),
  ]
  public var keepDimensions = true
  public var noopWithEmptyAxes = false
  public init() {}
}

extension ReduceL2: Differentiable {
  /// `dx = dy · x / y`, 0 where y = 0.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0), expansion = try expansion(of: call, in: builder)
    let zero = builder.scalar(0, like: x)
    let isPositive = builder.emit(Greater(), [call.result, zero])
    let share = builder.keep(builder.divide(call.seed, call.result), where: isPositive)
    return [builder.multiply(builder.emit(expansion, [share, x]), x), nil]
  }
}
