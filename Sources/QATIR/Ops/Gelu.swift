import QATCore

/// `x · Φ(x)`, Φ being the standard normal distribution.
///
///     none: y = x/2 · (1 + erf(x/√2))
///     tanh: y = x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))
///
/// - Source: Hendrycks, Gimpel, arXiv:1606.08415.
public struct Gelu: UnaryElementwise {
  public static let name: OpName = "Gelu"
  public static let attributes: [Attribute<Self>] = [.init("approximate", \.approximate)]
  /// `none` or `tanh`.
  public var approximate = "none"
  public init() {}
  public init(approximate: String) { self.approximate = approximate }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    guard ["none", "tanh"].contains(approximate) else {
      throw Diagnostic(
        .invalidAttribute, "approximate is '\(approximate)'", hint: "use none or tanh")
    }
    return [operands[0]]
  }
}

extension Gelu: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0)
    let slope = approximate == "tanh" ? tanhSlope(x, &builder) : exactSlope(x, &builder)
    return [builder.multiply(call.seed, slope)]
  }

  /// `Φ(x) + x · φ(x)`.
  private func exactSlope(_ x: ValueID, _ builder: inout GraphBuilder) -> ValueID {
    let erf = builder.emit(Erf(), [builder.multiply(x, by: 0.5.squareRoot())])
    let distribution = builder.multiply(builder.add(erf, 1), by: 0.5)
    let exponent = builder.multiply(builder.multiply(x, x), by: -0.5)
    let density = builder.multiply(
      builder.emit(Exp(), [exponent]), by: 1 / (2 * Double.pi).squareRoot())
    return builder.add(distribution, builder.multiply(x, density))
  }

  /// `(1 + t)/2 + x/2 · (1 - t²) · u'`, `t = tanh(u)`, `u' = √(2/π) · (1 + 3·0.044715 x²)`.
  private func tanhSlope(_ x: ValueID, _ builder: inout GraphBuilder) -> ValueID {
    let factor = (2 / Double.pi).squareRoot(), square = builder.multiply(x, x)
    let cubic = builder.add(builder.multiply(square, by: 0.044715), 1)
    let inner = builder.multiply(builder.multiply(x, cubic), by: factor)
    let t = builder.emit(Tanh(), [inner])
    let rest = builder.subtract(builder.multiply(t, t), from: 1)
    let innerSlope = builder.add(builder.multiply(square, by: 3 * 0.044715 * factor), factor)
    let half = builder.multiply(builder.multiply(x, rest), by: 0.5)
    let gate = builder.multiply(builder.add(t, 1), by: 0.5)
    return builder.add(gate, builder.multiply(half, innerSlope))
  }
}

extension Gelu: Expandable {
  public func expansion(of operands: [ValueID?], in builder: inout GraphBuilder) -> ValueID {
    let x = builder.required(operands, 0)
    let gate: ValueID
    if approximate == "tanh" {
      let cube = builder.multiply(builder.multiply(x, x), x)
      let inner = builder.add(x, builder.multiply(cube, by: 0.044715))
      gate = builder.emit(Tanh(), [builder.multiply(inner, by: (2 / Double.pi).squareRoot())])
    } else {
      let root = builder.scalar(2.0.squareRoot(), like: x)
      gate = builder.emit(Erf(), [builder.divide(x, root)])
    }
    return builder.multiply(builder.multiply(x, builder.add(gate, 1)), by: 0.5)
  }
}
