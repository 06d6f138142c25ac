import QATCore
import QATData
import QATIR
import QATPasses
import QATRewrite
public import QATRuntime

/// One optimizer step on a batch, made from a graph in evaluation form: for people who own their
/// loop.
///
///     let step = try TrainingStep(graph)
///     for batch in batches { print(try step.run(batch, learningRate: 0.01)) }
///     let trained = step.evaluationGraph
///
/// The step is a graph itself: the passes attach-loss, enter-training, differentiate, clip-gradients
/// and apply-optimizer (and round-products) make it, once for each form that is asked for. Its
/// variables (parameters, statistics, ranges, the optimizer's state) keep their contents when the form
/// changes. Not safe to call from two threads at once.
public final class TrainingStep {
  /// The graph the step was made from, with the variables' first contents.
  public let graph: Graph
  /// What it is made of.
  public let options: TrainingOptions

  struct Prepared {
    let session: Session
    let targets: [LossBuilder.Target]
    /// What the session runs, before images were laid out for the kernels.
    let graph: Graph
    /// For each hook the value that it sees; `nil` where the form has none.
    let hooked: [HookedValue?]
  }

  /// The form of the steps to come.
  public private(set) var form: TrainingForm
  private var prepared: [TrainingForm: Prepared] = [:]
  private(set) var current: Prepared
  /// Contents of variables that the current form does not use.
  private var others: [String: AnyTensor]
  /// What sees values and gradients in each step.
  var hooks = StepHooks()
  /// What measures quantizers in each step; see `Telemetry`.
  var telemetry: Telemetry?

  /// Of steps that are run without one of their own.
  public var learningRate: Float = 0.01

  /// - Parameter graph: in evaluation form, float or with fake-quantizers, its trainable parameters
  ///   variables (see `MakeTrainable`).
  /// - Throws: what the passes throw: a graph without variables, an operation without a gradient.
  public init(_ graph: Graph, _ options: TrainingOptions = .init()) throws(Diagnostic) {
    var options = options
    options.loss = options.loss.prepared(for: graph)
    self.graph = graph
    self.options = options
    form = TrainingForm(
      quantizes: options.quantizes, freezesBatchNorm: options.freezesBatchNorm,
      freezesObservers: options.freezesObservers)
    let first = try Self.prepare(graph, options, form, StepHooks())
    current = first
    let used = Set(first.graph.variables.map { first.graph[$0].name })
    others = graph.parameters.filter { !used.contains($0.key) }
    prepared[form] = first
  }

  // MARK: - Running

  /// Trains on a batch.
  /// - Parameter learningRate: of this step; the property of that name where `nil`.
  /// - Returns: the loss before the step: the mean over the batch.
  /// - Throws: `invalid-data` for a batch without labels or one that does not fit the model.
  public func run(_ batch: Batch, learningRate: Float? = nil) throws(Diagnostic) -> Float {
    let inputs = try inputs(for: batch, learningRate)
    telemetry?.willRun()
    if hooks.count > current.hooked.count { try remake() }
    let outputs = try current.session.run(inputs)
    guard let loss = outputs.first?.doubles?.first else {
      throw Diagnostic(.invalidGraph, "the loss is no scalar")
    }
    telemetry?.didRun(loss: Float(loss))
    return Float(loss)
  }

  /// Trains on a batch several times and measures the nodes of the step's graph: forward, backward and
  /// update.
  public func profile(
    _ batch: Batch, learningRate: Float? = nil, runs: Int = 9
  ) throws(Diagnostic) -> [NodeProfile] {
    try current.session.profile(inputs(for: batch, learningRate), runs: runs)
  }

  private func inputs(
    for batch: Batch, _ learningRate: Float?
  ) throws(Diagnostic) -> [String: AnyTensor] {
    var inputs = graph.bind(batch)
    for target in current.targets {
      guard let labels = batch.tensor(for: target) else {
        throw Diagnostic(
          .invalidData, "the data has no labels for '\(target.output)'",
          hint: "name an array 'labels', or like the output; distillation needs none")
      }
      inputs[target.input] = labels
    }
    inputs[ApplyOptimizer.learningRate] = AnyTensor(learningRate ?? self.learningRate)
    return inputs
  }

  // MARK: - Variables

  /// Everything that steps change, by name: the model's variables and the optimizer's state.
  public var variables: [String: AnyTensor] {
    others.merging(current.session.variables) { _, new in new }
  }

  /// Puts other contents into variables, by name.
  /// - Throws: `unknown-name`; `shape-mismatch`. Variables in front of the one at fault are set then.
  public func setVariables(_ contents: [String: AnyTensor]) throws(Diagnostic) {
    for (name, tensor) in contents.sorted(by: { $0.key < $1.key }) {
      if let old = others[name] {
        guard old.element == tensor.element, old.shape == tensor.shape else {
          throw Diagnostic(.shapeMismatch, "variable '\(name)' is \(old.type), not \(tensor.type)")
        }
        others[name] = tensor
      } else {
        try current.session.setVariable(name, to: tensor)
      }
    }
  }

  /// Lets all observers forget what they saw: the next batch is their first, and warm-up begins anew.
  public func resetObservers() throws(Diagnostic) { try setVariables(graph.emptyObserverState) }

  /// Takes over all variables of an earlier step of the same graph.
  /// - Throws: `invalid-data` where one is missing; `shape-mismatch`.
  func restore(_ contents: [String: AnyTensor]) throws(Diagnostic) {
    var rest = contents
    for name in Set(current.session.variables.keys).union(graph.parameters.keys).sorted() {
      guard let tensor = rest[name] else {
        throw Diagnostic(
          .invalidData, "there is no variable '\(name)'",
          hint: "resume with the model and the options of the interrupted run")
      }
      guard current.session.variable(name) != nil else { continue }
      try current.session.setVariable(name, to: tensor)
      rest[name] = nil
    }
    others = rest
  }

  /// The graph the step was made from, with the variables as they are now. O(size of the variables).
  public var evaluationGraph: Graph {
    var result = graph
    let contents = variables
    for id in graph.variables {
      if let tensor = contents[graph[id].name] { result.define(id, as: .variable(tensor)) }
    }
    return result
  }

  /// The evaluation form of what is being trained: while quantizers do not round yet, they do not
  /// round here either, and while grids are wider, they are so here.
  public var currentGraph: Graph {
    var result = evaluationGraph
    guard !quantizes else {
      // The step was made with these bits: they have a grid.
      try? result.widenGrids(weights: form.weightBits, activations: form.activationBits)
      return result
    }
    for id in result.nodes {
      if var op = result[id].op as? FakeQuantize {
        op.bypass = true
        result.setOperation(of: id, to: op)
      } else if var op = result[id].op as? FoldedBiasRounding {
        op.bypass = true
        result.setOperation(of: id, to: op)
      } else if let op = result[id].op as? FakeQuantizeBias, !op.bypass {
        result.setOperation(of: id, to: FakeQuantizeBias(bypass: true))
      }
    }
    return result
  }

  /// How often an update took a learned parameter out of its bounds and it was put back, by the name of
  /// the parameter; those that were never.
  public var projections: [(name: String, count: Int)] {
    let suffix = ".projections"
    return variables.sorted { $0.key < $1.key }.compactMap { name, tensor in
      guard name.hasSuffix(suffix), let count = tensor.integers?.first, count > 0 else {
        return nil
      }
      return (String(name.dropLast(suffix.count)), count)
    }
  }

  // MARK: - Forms

  /// Whether fake-quantizers round.
  public var quantizes: Bool { form.quantizes }
  /// Whether batch-norms keep their running statistics, and use them.
  public var freezesBatchNorm: Bool { form.freezesBatchNorm }
  /// Whether observed ranges stay as they are.
  public var freezesObservers: Bool { form.freezesObservers }
  /// The graph of the step in its present form, with the variables' first contents.
  public var stepGraph: Graph { current.graph }

  /// Changes the form of the steps to come; the contents of all variables stay. The first change to a
  /// form makes its graph.
  public func setForm(
    quantizes: Bool, freezesBatchNorm: Bool, freezesObservers: Bool = false
  ) throws(Diagnostic) {
    var new = form
    (new.quantizes, new.freezesBatchNorm) = (quantizes, freezesBatchNorm)
    new.freezesObservers = freezesObservers
    try setForm(new)
  }

  /// Changes the form of the steps to come; the contents of all variables stay, but where a grid
  /// changes, what is learned of it begins anew with the batches to come.
  public func setForm(_ new: TrainingForm) throws(Diagnostic) {
    guard new != form else { return }
    form = new
    try enter(try ready(new))
  }

  /// Goes on with another graph of the step; the contents of all variables stay.
  private func enter(_ next: Prepared) throws(Diagnostic) {
    var contents = variables
    let old = current.graph.learnedGrids
    for (name, grid) in next.graph.learnedGrids where old[name] != grid {
      contents[name] = AnyTensor(Int64(0))
    }
    for name in next.session.variables.keys {
      if let tensor = contents.removeValue(forKey: name) {
        try next.session.setVariable(name, to: tensor)
      }
    }
    current = next
    others = contents
    try hooks.attach(to: next)
  }

  /// Makes the graph of a form ahead of time, so that what is wrong with it shows now.
  func makeReady(_ form: TrainingForm) throws(Diagnostic) { _ = try ready(form) }

  private func ready(_ form: TrainingForm) throws(Diagnostic) -> Prepared {
    if let known = prepared[form] { return known }
    let new = try Self.prepare(graph, options, form, hooks)
    prepared[form] = new
    return new
  }

  /// Makes the graphs of the step again: with the gradients that hooks want to see.
  func remake() throws(Diagnostic) {
    prepared = [:]
    try enter(try ready(form))
  }

  // MARK: - Making

  private static func prepare(
    _ graph: Graph, _ options: TrainingOptions, _ form: TrainingForm, _ hooks: StepHooks
  ) throws(Diagnostic) -> Prepared {
    guard graph.value(named: ApplyOptimizer.learningRate) == nil else {
      throw Diagnostic(
        .invalidGraph, "the model has a value named '\(ApplyOptimizer.learningRate)'",
        hint: "rename it: the training step has an input of that name")
    }
    var step = graph
    let targets = try step.attachLoss(options.loss, output: options.output)
    step.setOutputs(Array(step.outputs.prefix(1)))
    var context = PassContext()
    let training = EnterTraining(
      batchnorm: form.freezesBatchNorm ? .frozen : .training, quantize: form.quantizes,
      observers: form.freezesObservers ? .frozen : .training, weightBits: form.weightBits,
      activationBits: form.activationBits)
    try Pipeline([EliminateDeadNodes(), training]).run(on: &step, &context)
    let watched = hooks.gradientNames.compactMap { step.trained($0, of: graph) }.map {
      step[$0].name
    }
    var passes: [any Pass] = [Differentiate(values: watched)]
    let clipsLearned = step.nodes.contains { (step[$0].op as? LearnRange)?.clip ?? 0 > 0 }
    if options.clipNorm > 0 || options.clipValue > 0 || clipsLearned {
      passes.append(ClipGradients(norm: options.clipNorm, value: options.clipValue))
    }
    passes += [options.optimizer, EliminateDeadNodes()] as [any Pass]
    if options.matmulPrecision == .bf16 { passes.append(RoundProducts()) }
    try Pipeline(passes).run(on: &step, &context)
    step.setOutputs(Array(step.outputs.prefix(1)))
    let values = hooks.values(in: step, of: graph)
    let kept = values.flatMap { $0.map { [$0.name] + $0.operands.compactMap { $0 } } ?? [] }
    let laidOut = try step.preparedToTrain(keeping: kept)
    return Prepared(
      session: try Session(laidOut, watching: kept, threads: options.threads), targets: targets,
      graph: step,
      hooked: values)
  }
}

extension Graph {
  /// Runs attach-loss with a free name for the labels.
  /// - Returns: the inputs for targets.
  mutating func attachLoss(
    _ loss: any Loss, output: String
  ) throws(Diagnostic) -> [LossBuilder.Target] {
    var pass = AttachLoss(loss)
    pass.output = output
    pass.labels = freeValueName("labels")
    return try pass.attach(to: &self)
  }

  /// The contents of the variables, by name.
  var parameters: [String: AnyTensor] {
    var result: [String: AnyTensor] = [:]
    for id in variables { result[self[id].name] = self[id].variable }
    return result
  }
}
