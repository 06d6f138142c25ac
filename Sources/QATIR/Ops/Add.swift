import QATCore

/// `a + b`, broadcast.
public struct Add: BinaryElementwise, ShapeArithmetic {
  public static let name: OpName = "Add"
  public init() {}
  public func dimensions(_ operands: Operands) -> [Dimension]? {
    elementwiseDimensions(operands, +)
  }
}

extension Add: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [0, 1].map { call.needs($0) ? builder.reduce(call.seed, like: call.operand($0)) : nil }
  }
}
