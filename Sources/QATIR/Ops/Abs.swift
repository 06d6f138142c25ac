import QATCore

/// `|x|`. The gradient at 0 is 0.
public struct Abs: UnaryElementwise {
  public static let name: OpName = "Abs"
  public static let elements: Set<ElementType> = .numeric
  public init() {}
}

extension Abs: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let sign = builder.emit(Sign(), [call.operand(0)])
    return [builder.multiply(call.seed, sign)]
  }
}
