import QATCore
import QATData
import QATIR
import QATPasses
import QATRewrite
import QATRuntime

/// One optimizer step on a batch, made from a graph in evaluation form: for people who own their
/// loop.
///
///     let step = try TrainingStep(graph)
///     for batch in batches { print(try step.run(batch, learningRate: 0.01)) }
///     let trained = step.evaluationGraph
///
/// The step is a graph itself: the passes attach-loss, enter-training, differentiate, clip-gradients
/// and apply-optimizer make it, once for each form that is asked for. Its variables (parameters,
/// statistics, ranges, the optimizer's state) keep their contents when the form changes. Not safe to
/// call from two threads at once.
public final class TrainingStep {
  /// The graph the step was made from, with the variables' first contents.
  public let graph: Graph
  public let options: TrainingOptions

  private struct Form: Hashable {
    var quantizes: Bool
    var freezesBatchNorm: Bool
    var freezesObservers: Bool
  }
  private struct Prepared {
    let session: Session
    let names: StepNames
  }

  private var form: Form
  private var prepared: [Form: Prepared] = [:]
  private var current: Prepared
  /// Contents of variables that the current form does not use.
  private var others: [String: AnyTensor]

  /// - Parameter graph: in evaluation form, float or with fake-quantizers, its trainable parameters
  ///   variables (see `MakeTrainable`).
  /// - Throws: what the passes throw: a graph without variables, an operation without a gradient.
  public init(_ graph: Graph, _ options: TrainingOptions = .init()) throws(Diagnostic) {
    self.graph = graph
    self.options = options
    form = Form(
      quantizes: options.quantizes, freezesBatchNorm: options.freezesBatchNorm,
      freezesObservers: options.freezesObservers)
    let first = try Self.prepare(graph, options, form)
    current = first
    others = graph.parameters.filter { first.session.variable($0.key) == nil }
    prepared[form] = first
  }

  // MARK: - Running

  /// Trains on a batch.
  /// - Parameter learningRate: of this step.
  /// - Returns: the loss before the step: the mean over the batch.
  /// - Throws: `invalid-data` for a batch without labels or one that does not fit the model.
  public func run(_ batch: Batch, learningRate: Float) throws(Diagnostic) -> Float {
    let names = current.names
    guard let labels = batch.target(of: names.output) else {
      throw Diagnostic(
        .invalidData, "the data has no labels for '\(names.output)'",
        hint: "name an array 'labels', or like the output")
    }
    var inputs = graph.bind(batch)
    inputs[names.labels] = labels.asLabels(of: names.labelType)
    inputs[ApplyOptimizer.learningRate] = AnyTensor(learningRate)
    let outputs = try current.session.run(inputs)
    guard let loss = outputs.first?.doubles?.first else {
      throw Diagnostic(.invalidGraph, "the loss is no scalar")
    }
    return Float(loss)
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
  /// round here either.
  public var currentGraph: Graph {
    var result = evaluationGraph
    guard !quantizes else { return result }
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

  // MARK: - Forms

  /// Whether fake-quantizers round.
  public var quantizes: Bool { form.quantizes }
  /// Whether batch-norms keep their running statistics, and use them.
  public var freezesBatchNorm: Bool { form.freezesBatchNorm }
  /// Whether observed ranges stay as they are.
  public var freezesObservers: Bool { form.freezesObservers }
  /// The graph of the step in its present form, with the variables' first contents.
  public var stepGraph: Graph { current.session.graph }

  /// Changes the form of the steps to come; the contents of all variables stay. The first change to a
  /// form makes its graph.
  public func setForm(
    quantizes: Bool, freezesBatchNorm: Bool, freezesObservers: Bool = false
  ) throws(Diagnostic) {
    let new = Form(
      quantizes: quantizes, freezesBatchNorm: freezesBatchNorm, freezesObservers: freezesObservers)
    guard new != form else { return }
    let next = try ready(new)
    var contents = variables
    for name in next.session.variables.keys {
      if let tensor = contents.removeValue(forKey: name) {
        try next.session.setVariable(name, to: tensor)
      }
    }
    current = next
    form = new
    others = contents
  }

  /// Makes the graph of a form ahead of time, so that what is wrong with it shows now.
  func makeReady(
    quantizes: Bool, freezesBatchNorm: Bool, freezesObservers: Bool
  ) throws(Diagnostic) {
    _ = try ready(
      Form(
        quantizes: quantizes, freezesBatchNorm: freezesBatchNorm, freezesObservers: freezesObservers
      ))
  }

  private func ready(_ form: Form) throws(Diagnostic) -> Prepared {
    if let known = prepared[form] { return known }
    let new = try Self.prepare(graph, options, form)
    prepared[form] = new
    return new
  }

  // MARK: - Making

  private static func prepare(
    _ graph: Graph, _ options: TrainingOptions, _ form: Form
  ) throws(Diagnostic) -> Prepared {
    guard graph.value(named: ApplyOptimizer.learningRate) == nil else {
      throw Diagnostic(
        .invalidGraph, "the model has a value named '\(ApplyOptimizer.learningRate)'",
        hint: "rename it: the training step has an input of that name")
    }
    var step = graph
    let names = try step.attachLoss(options.loss, output: options.output)
    step.setOutputs(Array(step.outputs.prefix(1)))
    var passes: [any Pass] = [
      EliminateDeadNodes(),
      EnterTraining(
        batchnorm: form.freezesBatchNorm ? .frozen : .training, quantize: form.quantizes,
        observers: form.freezesObservers ? .frozen : .training),
      Differentiate(),
    ]
    if options.clipNorm > 0 || options.clipValue > 0 {
      passes.append(ClipGradients(norm: options.clipNorm, value: options.clipValue))
    }
    passes += [options.optimizer, EliminateDeadNodes()] as [any Pass]
    var context = PassContext()
    try Pipeline(passes).run(on: &step, &context)
    return Prepared(session: try Session(step, threads: options.threads), names: names)
  }
}

/// What a graph with a loss calls the labels, and the output they belong to.
struct StepNames {
  let labels: String
  let labelType: TensorType
  let output: String
}

extension Graph {
  /// Runs attach-loss with a free name for the labels.
  mutating func attachLoss(_ kind: AttachLoss.Kind, output: String) throws(Diagnostic) -> StepNames
  {
    var pass = AttachLoss(kind: kind)
    pass.output = output
    pass.labels = freeValueName("labels")
    let name = output.isEmpty ? outputs.first.map { self[$0].name } ?? "" : output
    var context = PassContext()
    try pass.run(on: &self, &context)
    guard let labels = value(named: pass.labels) else {
      throw Diagnostic(.invalidGraph, "the loss has no input for labels")
    }
    return StepNames(labels: pass.labels, labelType: self[labels].type, output: name)
  }

  /// The contents of the variables, by name.
  var parameters: [String: AnyTensor] {
    var result: [String: AnyTensor] = [:]
    for id in variables { result[self[id].name] = self[id].variable }
    return result
  }
}
