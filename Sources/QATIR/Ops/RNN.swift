import QATCore

/// A layer of plain recurrent units.
///
///     h' = f(x Wᵀ + h Rᵀ + b)
///
/// The activation f is Tanh where nothing else is said.
///
/// - Operands: those of a `Recurrent`; `initial_h` [D,B,H].
/// - Results: `y`, `y_h`.
/// - Source: Elman, Finding structure in time (1990).
public struct RNN: Recurrent {
  public static let name: OpName = "RNN"
  public static let gateCount = 1
  public static let defaultActivations = ["Tanh"]
  public static let initialStates = [5]
  public static let operands: [OperandSpec] = sharedOperands
  public static let attributes: [Attribute<Self>] = sharedAttributes

  public var recurrence = RecurrentAttributes()

  public init() {}
}

extension RNN: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    RecurrentGradient(self).emit(for: call, in: &builder)
  }
}
