import QATCore

/// The smallest element along `axes`. Elements that tie share the gradient equally.
public struct ReduceMin: Reduction {
  public static let name: OpName = "ReduceMin"
  public static let elements: Set<ElementType> = .numeric.union([.bool])
  public static let attributes: [Attribute<Self>] = [
    .init("keepdims", \.keepDimensions), .init("noop_with_empty_axes", \.noopWithEmptyAxes),
  ]
  public var keepDimensions = true
  public var noopWithEmptyAxes = false
  public init() {}
}

extension ReduceMin: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [try extremumGradient(of: call, in: &builder), nil]
  }
}
