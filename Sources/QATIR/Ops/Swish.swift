import QATCore

/// `x · sigmoid(alpha · x)`; with `alpha` 1 also called SiLU.
///
/// - Source: Ramachandran, Zoph, Le, arXiv:1710.05941.
public struct Swish: UnaryElementwise {
  public static let name: OpName = "Swish"
  public static let attributes: [Attribute<Self>] = [.init("alpha", \.alpha)]
  /// What `x` is multiplied by inside the sigmoid.
  public var alpha: Float = 1
  public init() {}
  public init(alpha: Float) { self.alpha = alpha }
}

extension Swish: Differentiable {
  /// `dx = dy · s · (1 + alpha · x · (1 - s))`, `s = sigmoid(alpha · x)`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0), scaled = builder.multiply(x, by: Double(alpha))
    let s = builder.emit(Sigmoid(), [scaled])
    let rest = builder.multiply(scaled, builder.subtract(s, from: 1))
    let slope = builder.multiply(s, builder.add(rest, 1))
    return [builder.multiply(call.seed, slope)]
  }
}

extension Swish: Expandable {
  public func expansion(of operands: [ValueID?], in builder: inout GraphBuilder) -> ValueID {
    let x = builder.required(operands, 0)
    let inner = alpha == 1 ? x : builder.multiply(x, by: Double(alpha))
    return builder.multiply(x, builder.emit(Sigmoid(), [inner]))
  }
}
