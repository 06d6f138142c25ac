import QATCore

/// The error function, `2/√π · ∫₀ˣ exp(-t²) dt`.
public struct Erf: UnaryElementwise {
  public static let name: OpName = "Erf"
  public static let elements: Set<ElementType> = .numeric
  public init() {}
}

extension Erf: Differentiable {
  /// `dx = dy · 2/√π · exp(-x²)`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0)
    let exponent = builder.emit(Neg(), [builder.multiply(x, x)])
    let slope = builder.multiply(builder.emit(Exp(), [exponent]), by: 2 / Double.pi.squareRoot())
    return [builder.multiply(call.seed, slope)]
  }
}
