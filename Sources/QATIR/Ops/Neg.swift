import QATCore

/// `-x`.
public struct Neg: UnaryElementwise {
  public static let name: OpName = "Neg"
  public static let elements: Set<ElementType> = .signed
  public init() {}
}

extension Neg: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] { [builder.emit(Neg(), [call.seed])] }
}
