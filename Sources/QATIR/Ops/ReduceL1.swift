import QATCore

/// The sum of `|x|` along `axes`.
public struct ReduceL1: Reduction {
  public static let name: OpName = "ReduceL1"
  public static let attributes: [Attribute<Self>] = [
    .init("keepdims", \.keepDimensions), .init("noop_with_empty_axes", \.noopWithEmptyAxes),
  ]
  public var keepDimensions = true
  public var noopWithEmptyAxes = false
  public init() {}
}

extension ReduceL1: Differentiable {
  /// `dx = dy · sign(x)`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0)
    let share = builder.emit(try expansion(of: call, in: builder), [call.seed, x])
    return [builder.multiply(share, builder.emit(Sign(), [x])), nil]
  }
}
