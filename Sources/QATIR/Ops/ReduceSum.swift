import QATCore

/// The sum along `axes`.
public struct ReduceSum: Reduction {
  public static let name: OpName = "ReduceSum"
  public static let attributes: [Attribute<Self>] = [
    .init("keepdims", \.keepDimensions), .init("noop_with_empty_axes", \.noopWithEmptyAxes),
  ]
  public var keepDimensions = true
  public var noopWithEmptyAxes = false
  public init() {}
}

extension ReduceSum: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(try expansion(of: call, in: builder), [call.seed, call.operand(0)]), nil]
  }
}
