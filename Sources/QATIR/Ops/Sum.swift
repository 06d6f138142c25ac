import QATCore

/// The sum of its operands, broadcast.
public struct Sum: VariadicElementwise {
  public static let name: OpName = "Sum"
  public static let elements: Set<ElementType> = .floats
  public init() {}
}

extension Sum: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    call.operands.indices.map { index in
      call.needs(index) ? builder.reduce(call.seed, like: call.operand(index)) : nil
    }
  }
}
