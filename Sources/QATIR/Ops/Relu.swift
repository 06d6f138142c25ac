import QATCore

/// `max(x, 0)`. The gradient at 0 is 0.
public struct Relu: UnaryElementwise {
  public static let name: OpName = "Relu"
  public static let elements: Set<ElementType> = .signed
  public init() {}
}

extension Relu: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(ReluGradient(), [call.seed, call.result])]
  }
}
