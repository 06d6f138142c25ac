import QATCore

/// `a / b`, broadcast; of integers truncated toward zero.
public struct Div: BinaryElementwise, ShapeArithmetic {
  public static let name: OpName = "Div"
  public init() {}

  public func dimensions(_ operands: Operands) -> [Dimension]? {
    elementwiseDimensions(operands) { a, b in
      if let a = a.integer, let b = b.integer {
        return b == 0 || (a == .min && b == -1) ? nil : Dimension(signed: a / b)
      }
      return a.divided(by: b)
    }
  }
}

extension Div: Differentiable {
  /// `da = dy / b`; `db = -dy · y / b`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let b = call.operand(1), quotient = builder.divide(call.seed, b)
    let da = call.needs(0) ? builder.reduce(quotient, like: call.operand(0)) : nil
    guard call.needs(1) else { return [da, nil] }
    let product = builder.multiply(quotient, call.result)
    let negative = builder.emit(Neg(), [product])
    return [da, builder.reduce(negative, like: b)]
  }
}
