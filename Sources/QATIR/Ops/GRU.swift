import QATCore

/// A layer of gated recurrent units.
///
///     z = f(x Wzᵀ + h Rzᵀ + bz)        r = f(x Wrᵀ + h Rrᵀ + br)
///     g = g(x Whᵀ + (r · h) Rhᵀ + bh)
///     h' = (1 - z) · g + z · h
///
/// With `linear_before_reset` the gate r scales h Rhᵀ and its bias instead of h. The blocks of the
/// weights stand in the order z, r, h; the activations f, g are Sigmoid, Tanh where nothing else is
/// said.
///
/// - Operands: those of a `Recurrent`; `initial_h` [D,B,H].
/// - Results: `y`, `y_h`.
/// - Source: Cho et al., arXiv:1406.1078.
public struct GRU: Recurrent {
  public static let name: OpName = "GRU"
  public static let gateCount = 3
  public static let defaultActivations = ["Sigmoid", "Tanh"]
  public static let initialStates = [5]
  public static let operands: [OperandSpec] = sharedOperands
  public static let attributes: [Attribute<Self>] =
    sharedAttributes + [.init("linear_before_reset", \.resetsProduct)]

  public var recurrence = RecurrentAttributes()
  /// Whether the reset gate scales the product with the state instead of the state.
  public var resetsProduct = false

  public init() {}
}

extension GRU: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    RecurrentGradient(self).emit(for: call, in: &builder)
  }
}
