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
/// Weight decay applies to variables of two or more dimensions: not to biases and batch-norms. The
/// parameters of learned quantizers have a rate and a decay of their own (`qat.LearnRange`), and are put
/// back by `qat.ProjectLearned` where an update took them too far; a variable counts that.
public struct ApplyOptimizer: Pass {
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

  public var kind = Kind.sgd
  public var momentum: Float = 0.9
  public var nesterov = false
  public var weightDecay: Float = 0
  public var beta1: Float = 0.9
  public var beta2: Float = 0.999
  public var epsilon: Float = 1e-8

  public init() {}

  /// The input that carries the learning rate of a step.
  public static let learningRate = "learning_rate"

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    let pairs = graph.gradients()
    guard !pairs.isEmpty else {
      throw Diagnostic(.invalidGraph, "there are no gradients", hint: "run differentiate first")
    }
    let rate = graph.addInput(Self.learningRate, TensorType(.f32, []))
    let step = kind == .sgd ? nil : graph.addVariable("optimizer.step", AnyTensor(Int64(0)))
    graph.setOutputs(graph.outputs.filter { output in !pairs.contains { $0.gradient == output } })
    var builder = GraphBuilder(graph)
    builder.insertionPoint = graph.nodes.first { graph[$0].op is Assign }
    var updates: [(ValueID, ValueID)] = []
    let learned = graph.learnedParameters
    for (variable, gradient) in pairs {
      updates += update(
        variable, gradient, rate: rate, step: step, learned[variable], in: &builder)
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

  private func update(
    _ variable: ValueID, _ gradient: ValueID, rate: ValueID, step: ValueID?,
    _ learned: LearnRange?, in builder: inout GraphBuilder
  ) -> [(ValueID, ValueID)] {
    let type = builder.type(of: variable), name = builder.graph[variable].name
    builder.namePrefix = name + "."
    let decay = learned?.weightDecay ?? ((type.shape?.rank ?? 0) >= 2 ? weightDecay : 0)
    var rate = rate
    if let factor = learned?.rate, factor != 1 {
      rate = builder.emit(Mul(), [rate, builder.constant(AnyTensor(factor), name: "rate")])
    }
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
