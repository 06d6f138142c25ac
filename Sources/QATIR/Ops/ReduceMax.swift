import QATCore

/// The largest element along `axes`. Elements that tie share the gradient equally.
public struct ReduceMax: Reduction {
  public static let name: OpName = "ReduceMax"
  public static let elements: Set<ElementType> = .numeric.union([.bool])
  public static let attributes: [Attribute<Self>] = [
    .init("keepdims", \.keepDimensions), .init("noop_with_empty_axes", \.noopWithEmptyAxes),
  ]
  public var keepDimensions = true
  public var noopWithEmptyAxes = false
  public init() {}
}

extension ReduceMax: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [try extremumGradient(of: call, in: &builder), nil]
  }
}

extension Reduction {
  /// `dy` shared by the elements that equal the extremum.
  func extremumGradient(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> ValueID {
    let x = call.operand(0), expansion = try expansion(of: call, in: builder)
    let extremum = builder.emit(expansion, [call.result, x])
    let isExtremum = builder.emit(Equal(), [x, extremum])
    let mask = builder.emit(Cast(to: builder.type(of: x).element), [isExtremum])
    let sum = ReduceSum(keepDimensions: keepDimensions, noopWithEmptyAxes: noopWithEmptyAxes)
    let count = builder.emit(sum, [mask] + call.operands.dropFirst())
    let share = builder.emit(expansion, [builder.divide(call.seed, count), x])
    return builder.multiply(share, mask)
  }
}
