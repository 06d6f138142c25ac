import QATCore

/// `a - b`, broadcast.
public struct Sub: BinaryElementwise, ShapeArithmetic {
  public static let name: OpName = "Sub"
  public init() {}

  public func dimensions(_ operands: Operands) -> [Dimension]? {
    elementwiseDimensions(operands) { a, b in
      guard let a = a.integer, let b = b.integer else { return nil }
      return Dimension(signed: a - b)
    }
  }
}

extension Sub: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let a = call.needs(0) ? builder.reduce(call.seed, like: call.operand(0)) : nil
    guard call.needs(1) else { return [a, nil] }
    let negative = builder.emit(Neg(), [call.seed])
    return [a, builder.reduce(negative, like: call.operand(1))]
  }
}
