import QATCore

/// `a · b`, broadcast.
public struct Mul: BinaryElementwise, ShapeArithmetic {
  public static let name: OpName = "Mul"
  public init() {}
  public func dimensions(_ operands: Operands) -> [Dimension]? {
    elementwiseDimensions(operands, *)
  }
}

extension Mul: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [0, 1].map { index in
      guard call.needs(index) else { return nil }
      let product = builder.multiply(call.seed, call.operand(1 - index))
      return builder.reduce(product, like: call.operand(index))
    }
  }
}
