import QATCore

/// The sum of `x²` along `axes`.
public struct ReduceSumSquare: Reduction {
  public static let name: OpName = "ReduceSumSquare"
  public static let attributes: [Attribute<Self>] = [
    .init("keepdims", \.keepDimensions), .init("noop_with_empty_axes", \.noopWithEmptyAxes),
  ]
  public var keepDimensions = true
  public var noopWithEmptyAxes = false
  public init() {}
}

extension ReduceSumSquare: Differentiable {
  /// `dx = 2 · dy · x`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0)
    let share = builder.emit(try expansion(of: call, in: builder), [call.seed, x])
    return [builder.multiply(builder.multiply(share, by: 2), x), nil]
  }
}
