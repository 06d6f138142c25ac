import QATCore

/// A layer of long short-term memory.
///
///     i = f(x Wiᵀ + h Riᵀ + Pi · c + bi)        o = f(x Woᵀ + h Roᵀ + Po · c' + bo)
///     f = f(x Wfᵀ + h Rfᵀ + Pf · c + bf)        g = g(x Wcᵀ + h Rcᵀ + bc)
///     c' = f · c + i · g                        h' = o · h(c')
///
/// The blocks of the weights stand in the order i, o, f, c; the activations f, g, h are Sigmoid,
/// Tanh, Tanh where nothing else is said.
///
/// - Operands: those of a `Recurrent`; `initial_h`, `initial_c` [D,B,H]; `p` [D,3·H], the peepholes
///   of i, o and f.
/// - Results: `y`, `y_h`, `y_c`.
/// - Source: Hochreiter, Schmidhuber, Long short-term memory (1997); Gers, Schmidhuber, Recurrent
///   nets that time and count (2000).
public struct LSTM: Recurrent {
  public static let name: OpName = "LSTM"
  public static let gateCount = 4
  public static let defaultActivations = ["Sigmoid", "Tanh", "Tanh"]
  public static let initialStates = [5, 6]
  public static let vectorCounts = [7: 3]
  public static let operands: [OperandSpec] =
    sharedOperands + [.float("initial_c", .optional), .float("p", .optional)]
  public static let results: [ResultSpec] = [
    ResultSpec("y", .optional), ResultSpec("y_h", .optional), ResultSpec("y_c", .optional),
  ]
  public static let attributes: [Attribute<Self>] =
    sharedAttributes + [.init("input_forget", \.couplesForget)]

  public var recurrence = RecurrentAttributes()
  /// Whether the forget gate is 1 - the input gate.
  public var couplesForget = false

  public init() {}
}

extension LSTM: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    RecurrentGradient(self).emit(for: call, in: &builder)
  }
}
