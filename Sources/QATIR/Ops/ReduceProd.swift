import QATCore

/// The product along `axes`.
public struct ReduceProd: Reduction {
  public static let name: OpName = "ReduceProd"
  public static let attributes: [Attribute<Self>] = [
    .init("keepdims", \.keepDimensions), .init("noop_with_empty_axes", \.noopWithEmptyAxes),
  ]
  public var keepDimensions = true
  public var noopWithEmptyAxes = false
  public init() {}
}

extension ReduceProd: Differentiable {
  /// `dy` times the product of the other elements, which holds where some are 0 as well.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0), expansion = try expansion(of: call, in: builder)
    let rest = call.operands.dropFirst(), element = builder.type(of: x).element
    let zero = builder.scalar(0, like: x), one = builder.scalar(1, like: x)
    let isZero = builder.emit(Equal(), [x, zero])
    let factors = builder.emit(Where(), [isZero, one, x])
    let product = builder.emit(self, [factors] + rest)
    let ownZero = builder.emit(Cast(to: element), [isZero])
    let sum = ReduceSum(keepDimensions: keepDimensions, noopWithEmptyAxes: noopWithEmptyAxes)
    let zeros = builder.emit(expansion, [builder.emit(sum, [ownZero] + rest), x])
    let hasNoOther = builder.emit(Equal(), [zeros, ownZero])
    let share = builder.emit(expansion, [builder.multiply(call.seed, product), x])
    return [builder.keep(builder.divide(share, factors), where: hasNoOther), nil]
  }
}
