import QATCore
import QATIR
import QATRewrite

/// Turns gradients into updates of the variables: the graph becomes a training step.
///
///     graph @net(%x, %labels) -> (%loss, %w.gradient)
///     ->
///     graph @net(%x, %labels, %learning_rate: f32[]) -> (%loss) {
///       variable %w.velocity: f32[...]
///       %w1, %v1 = qat.SGD(%w, %w.gradient, %w.velocity, %learning_rate) {momentum = 0.9}
///       qat.Assign(%w, %w1)
///       qat.Assign(%w.velocity, %v1)
///     }
///
/// Weight decay applies to variables of two or more dimensions: not to biases and batch-norms. A program
/// may give an `Optimizer` of its own. The parameters of learned quantizers have a rate and a decay of
/// their own (`qat.LearnRange`; the decay not with an optimizer of a program), and are put back by
/// `qat.ProjectLearned` where an update took them too far; a variable counts that.
public struct ApplyOptimizer: Pass {
  /// Gradient descent with a moment, Adam, or Adam with decoupled weight decay.
  public enum Kind: String, CaseIterable, PassOptionValue, Sendable { case sgd, adam, adamw }

  public static let name: PassName = "apply-optimizer"
  public static let summary = "turn gradients into updates of the variables"
  public static let effect: Effect = .changesNumerics("running the graph trains it")
  public static let options: [PassOption<Self>] = [
    .init("kind", \.kind, "the optimizer"), .init("momentum", \.momentum, "of sgd"),
    .init("nesterov", \.nesterov, "of sgd"), .init("weight-decay", \.weightDecay, "of weights"),
    .init("beta1", \.beta1, "of adam"), .init("beta2", \.beta2, "of adam"),
    .init("epsilon", \.epsilon, "of adam"),
  ]

  /// Which one.
  public var kind = Kind.sgd
  /// Of `sgd`: the weight of the velocity.
  public var momentum: Float = 0.9
  /// Of `sgd`: whether the gradient is looked at behind the moment's step.
  public var nesterov = false
  /// Of variables with two or more dimensions, times the learning rate.
  public var weightDecay: Float = 0
  /// Of `adam`: the weight of what the first moment was.
  public var beta1: Float = 0.9
  /// Of `adam`: the weight of what the second moment was.
  public var beta2: Float = 0.999
  /// Of `adam`: added to the root of the second moment.
  public var epsilon: Float = 1e-8
  /// An optimizer of the caller's, in place of `kind` and its settings.
  public var optimizer: (any Optimizer)?

  public init() {}
  /// Updates by an optimizer of the caller's.
  public init(_ optimizer: any Optimizer) { self.optimizer = optimizer }

  /// The input that carries the learning rate of a step.
  public static let learningRate = "learning_rate"

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    let pairs = graph.gradients()
    guard !pairs.isEmpty else {
      throw Diagnostic(.invalidGraph, "there are no gradients", hint: "run differentiate first")
    }
    let rate = graph.addInput(Self.learningRate, TensorType(.f32, []))
    let step =
      kind == .sgd || optimizer != nil
      ? nil : graph.addVariable("optimizer.step", AnyTensor(Int64(0)))
    graph.setOutputs(graph.outputs.filter { output in !pairs.contains { $0.gradient == output } })
    var builder = GraphBuilder(graph)
    builder.insertionPoint = graph.nodes.first { graph[$0].op is Assign }
    var updates: [(ValueID, ValueID)] = []
    let learned = graph.learnedParameters
    for (variable, gradient) in pairs {
      let learned = learned[variable]
      builder.namePrefix = builder.graph[variable].name + "."
      var rate = rate
      if let factor = learned?.rate, factor != 1 {
        rate = builder.emit(Mul(), [rate, builder.constant(AnyTensor(factor), name: "rate")])
      }
      if let optimizer {
        updates += try apply(optimizer, variable, gradient, rate: rate, in: &builder)
        continue
      }
      updates += update(variable, gradient, rate: rate, step: step, learned, in: &builder)
    }
    updates = builder.projected(updates)
    if let step {
      let next = builder.emit(
        Add(), [step, builder.constant(AnyTensor(Int64(1)), name: "one")],
        name: "optimizer.step.next")
      updates.append((step, next))
    }
    builder.insertionPoint = nil
    for (variable, value) in updates {
      // Observers have their updates already; what the optimizer makes of one takes its place.
      if let assign = builder.graph.assignment(to: variable) {
        builder.graph.setOperand(1, of: assign, to: value)
        continue
      }
      builder.emitEffect(
        Assign(), [variable, value], name: "assign." + builder.graph[variable].name)
    }
    if let failure = builder.failure { throw failure }
    graph = builder.graph
  }

  private func apply(
    _ optimizer: any Optimizer, _ variable: ValueID, _ gradient: ValueID, rate: ValueID,
    in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [(ValueID, ValueID)] {
    builder.namePrefix = builder.graph[variable].name + "."
    var step = OptimizerBuilder(builder, variable: variable, gradient: gradient, rate: rate)
    let value = try optimizer.update(in: &step)
    builder = step.builder
    if let failure = builder.failure { throw failure.at("optimizer '\(optimizer.text)'") }
    for (old, new) in [(variable, value)] + step.updates
    where builder.type(of: old) != builder.type(of: new) {
      throw Diagnostic(
        .typeMismatch,
        "'\(builder.graph[old].name)' is \(builder.type(of: old)), its update \(builder.type(of: new))",
        at: "optimizer '\(optimizer.text)'", hint: "an update has the type of what it updates")
    }
    return [(variable, value)] + step.updates
  }

  private func update(
    _ variable: ValueID, _ gradient: ValueID, rate: ValueID, step: ValueID?,
    _ learned: LearnRange?, in builder: inout GraphBuilder
  ) -> [(ValueID, ValueID)] {
    let type = builder.type(of: variable), name = builder.graph[variable].name
    builder.namePrefix = name + "."
    let decay = learned?.weightDecay ?? ((type.shape?.rank ?? 0) >= 2 ? weightDecay : 0)
    let states = (kind == .sgd ? ["velocity"] : ["m", "v"]).map { state in
      builder.graph.addVariable("\(name).\(state)", zeros(type.shape?.sizes ?? [], type.element))
    }
    let results: [ValueID]
    if let step {
      var op = Adam()
      (op.beta1, op.beta2, op.epsilon) = (beta1, beta2, epsilon)
      (op.weightDecay, op.decoupled) = (decay, kind == .adamw)
      results = builder.emit(op, [variable, gradient] + states + [step, rate], results: 3)
    } else {
      var op = SGD()
      (op.momentum, op.nesterov, op.weightDecay) = (momentum, nesterov, decay)
      results = builder.emit(op, [variable, gradient] + states + [rate], results: 2)
    }
    return Array(zip([variable] + states, results))
  }
}
