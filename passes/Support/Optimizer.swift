import QATCore
import QATIR

/// How a gradient changes a variable, as nodes. Conform a type of your own to train with another
/// optimizer.
///
///     struct SignDescent: Optimizer {       // w - rate · sign(g)
///       var text: String { "sign" }
///       func update(in step: inout OptimizerBuilder) throws(Diagnostic) -> ValueID {
///         let sign = step.builder.emit(Sign(), [step.gradient])
///         return step.builder.emit(
///           Sub(), [step.variable, step.builder.emit(Mul(), [step.rate, sign])])
///       }
///     }
///     options.optimizer = ApplyOptimizer(SignDescent())
public protocol Optimizer: Sendable {
  /// The optimizer and its settings, without spaces: a checkpoint keeps it, and a run that resumes
  /// must have the same.
  var text: String { get }

  /// Emits what one variable is to be after a step: called once for each variable with a gradient.
  /// - Returns: a value of the type of the variable.
  func update(in step: inout OptimizerBuilder) throws(Diagnostic) -> ValueID
}

/// Where the update of one variable is emitted.
public struct OptimizerBuilder: Sendable {
  /// Emits into the graph of the training step.
  public var builder: GraphBuilder
  /// The variable as it is before the step.
  public let variable: ValueID
  /// The gradient of the loss with respect to it, clipped where that was asked for.
  public let gradient: ValueID
  /// The learning rate of the step: f32[].
  public let rate: ValueID
  /// What states are to be after the step.
  private(set) var updates: [(variable: ValueID, value: ValueID)] = []

  init(_ builder: GraphBuilder, variable: ValueID, gradient: ValueID, rate: ValueID) {
    self.builder = builder
    self.variable = variable
    self.gradient = gradient
    self.rate = rate
  }

  /// Adds state that goes from step to step and into checkpoints: a moment, a counter.
  ///
  /// - Parameters:
  ///   - name: the state is named `VARIABLE.NAME`.
  ///   - initial: its first contents; zeros like the variable where `nil`.
  /// - Returns: the state as it is before the step; `setState` says what it is after.
  public mutating func state(_ name: String, _ initial: AnyTensor? = nil) -> ValueID {
    let value = builder.graph[variable], sizes = value.type.shape?.sizes ?? []
    let contents = initial ?? zeros(sizes, value.type.element)
    return builder.graph.addVariable("\(value.name).\(name)", contents)
  }

  /// Says what a state is to be after the step: a value of its type.
  public mutating func setState(_ state: ValueID, to value: ValueID) {
    updates.append((state, value))
  }
}
