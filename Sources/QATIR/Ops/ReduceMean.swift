import QATCore

/// The mean along `axes`; of integers truncated toward zero.
public struct ReduceMean: Reduction {
  public static let name: OpName = "ReduceMean"
  public static let attributes: [Attribute<Self>] = [
    .init("keepdims", \.keepDimensions), .init("noop_with_empty_axes", \.noopWithEmptyAxes),
  ]
  public var keepDimensions = true
  public var noopWithEmptyAxes = false
  public init() {}
}

extension ReduceMean: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let expansion = try expansion(of: call, average: true, in: builder)
    return [builder.emit(expansion, [call.seed, call.operand(0)]), nil]
  }
}
