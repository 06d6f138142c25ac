import QATCore

/// The mean of its operands, broadcast.
public struct Mean: VariadicElementwise {
  public static let name: OpName = "Mean"
  public static let elements: Set<ElementType> = .floats
  public init() {}
}

extension Mean: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let share = builder.multiply(call.seed, by: 1 / Double(call.operands.count))
    return call.operands.indices.map { index in
      call.needs(index) ? builder.reduce(share, like: call.operand(index)) : nil
    }
  }
}
