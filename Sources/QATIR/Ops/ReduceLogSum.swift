import QATCore

/// The logarithm of the sum along `axes`; of integers truncated.
public struct ReduceLogSum: Reduction {
  public static let name: OpName = "ReduceLogSum"
  public static let attributes: [Attribute<Self>] = [
    .init("keepdims", \.keepDimensions), .init("noop_with_empty_axes", \.noopWithEmptyAxes),
  ]
  public var keepDimensions = true
  public var noopWithEmptyAxes = false
  public init() {}
}

extension ReduceLogSum: Differentiable {
  /// `dx = dy / eʸ`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let expansion = try expansion(of: call, in: builder)
    let share = builder.divide(call.seed, builder.emit(Exp(), [call.result]))
    return [builder.emit(expansion, [share, call.operand(0)]), nil]
  }
}
