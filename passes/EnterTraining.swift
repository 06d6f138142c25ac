import QATCore
import QATIR
import QATRewrite

/// Turns the evaluation form into the training form: batch statistics, observers that move, dropout.
///
///     %y = BatchNormalization(%x, %scale, %bias, %mean, %var)
///     ->
///     %y, %mean1, %var1 = BatchNormalization(%x, %scale, %bias, %mean, %var) {training_mode = 1}
///     qat.Assign(%mean, %mean1)
///     qat.Assign(%var, %var1)
///
/// The mark of a batch-norm that `prepare-batchnorm` folded becomes the correction to the batch's
/// statistics, `qat.BatchNormalizationCorrection`, behind a product without bias. A batch-norm whose
/// statistics are constants (a frozen layer) stays in evaluation form, and so do all of them with
/// `batchnorm=frozen`. With `quantize=false` quantizers let values through, while
/// their observers go on: that is training before the quantization delay has passed. A Dropout drops
/// other elements in every step, which a variable counts. With `observers=frozen` ranges stay as they
/// are, and what is learned is learned. `weight-bits` and `activation-bits` widen grids: a stage of a
/// training that narrows them.
public struct EnterTraining: Pass {
  /// Whether statistics are those of the batch, and move.
  public enum BatchNorm: String, CaseIterable, PassOptionValue, Sendable { case training, frozen }
  /// Whether ranges move.
  public enum Observers: String, CaseIterable, PassOptionValue, Sendable { case training, frozen }

  public static let name: PassName = "enter-training"
  public static let summary = "use batch statistics, move observers, drop out"
  public static let effect: Effect = .changesNumerics(
    "batch statistics take the place of running ones")
  public static let options: [PassOption<Self>] = [
    .init("batchnorm", \.batchnorm, "whether statistics move"),
    .init("quantize", \.quantize, "whether quantizers round"),
    .init("observers", \.observers, "whether ranges move"),
    .init("weight-bits", \.weightBits, "what narrower grids of weights have; 0 for their own"),
    .init("activation-bits", \.activationBits, "what other grids have; 0 for their own"),
  ]

  /// Whether statistics are those of the batch, and move.
  public var batchnorm = BatchNorm.training
  /// Whether quantizers round.
  public var quantize = true
  /// Whether ranges move.
  public var observers = Observers.training
  /// The least bits of weights; 0 for their own.
  public var weightBits = 0
  /// The least bits of everything else; 0 for their own.
  public var activationBits = 0

  public init() {}
  public init(
    batchnorm: BatchNorm = .training, quantize: Bool = true, observers: Observers = .training,
    weightBits: Int = 0, activationBits: Int = 0
  ) {
    self.weightBits = weightBits
    self.activationBits = activationBits
    self.batchnorm = batchnorm
    self.quantize = quantize
    self.observers = observers
  }

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    try graph.widenGrids(weights: weightBits, activations: activationBits)
    var updates: [(variable: ValueID, value: ValueID)] = []
    var dropouts: [NodeID] = []
    for id in graph.nodes {
      switch graph[id].op {
      case let op as BatchNormalization where batchnorm == .training && !op.trainingMode:
        updates += try trainBatchNorm(id, op, in: &graph)
      case let op as FoldedBatchNormalization where batchnorm == .training:
        updates += try graph.correctBatchNorm(id, op)
      case var op as any ObservesBatches where observers == .training:
        op.training = true
        // Until something rounds, what will be learned keeps following the batches.
        if op is LearnRange, !quantize { op.limit = 0 }
        graph.setOperation(of: id, to: op)
        updates += graph.observerState(of: id).map { ($0.variable, $0.result) }
      case var op as FakeQuantize:
        op.bypass = !quantize || op.deferred
        graph.setOperation(of: id, to: op)
      case var op as FoldedBiasRounding:
        op.bypass = !quantize
        graph.setOperation(of: id, to: op)
      case var op as FakeQuantizeBias:
        op.bypass = !quantize
        graph.setOperation(of: id, to: op)
      case is Dropout: dropouts.append(id)
      default: break
      }
    }
    updates += try trainDropouts(dropouts, in: &graph)
    var builder = GraphBuilder(graph)
    for update in updates where graph[update.variable].variable != nil {
      builder.emitEffect(
        Assign(), [update.variable, update.value], name: "assign." + graph[update.variable].name)
    }
    graph = builder.graph
  }

  private func trainBatchNorm(
    _ id: NodeID, _ op: BatchNormalization, in graph: inout Graph
  ) throws(Diagnostic) -> [(variable: ValueID, value: ValueID)] {
    let node = graph[id]
    guard let mean = node.operands[3], let variance = node.operands[4], graph[mean].variable != nil,
      graph[variance].variable != nil
    else { return [] }
    var training = op
    training.trainingMode = true
    let name = graph[node.result].name
    let new = try graph.addNode(
      training, node.operands, name: node.name + ".training",
      results: ["", name + ".mean", name + ".variance"], origins: node.origins,
      metadata: node.metadata, before: id)
    let results = graph[new].results.compactMap { $0 }
    try graph.replaceAllUses(of: node.result, with: results[0])
    graph.remove(id)
    return [(mean, results[1]), (variance, results[2])]
  }

  /// Dropouts whose masks change with a counter of steps; without a seed, each gets one of its own.
  private func trainDropouts(
    _ ids: [NodeID], in graph: inout Graph
  ) throws(Diagnostic) -> [(variable: ValueID, value: ValueID)] {
    if ids.isEmpty { return [] }
    let step = graph.addVariable("dropout.step", AnyTensor(Int64(0)))
    for (index, id) in ids.enumerated() {
      let node = graph[id]
      let element = graph[node.result].type.element
      let half = element == .f64 ? AnyTensor(0.5) : AnyTensor(Float(0.5))
      let ratio = node.operands.dropFirst().first ?? nil
      let new = try graph.addNode(
        SteppedDropout(seed: (node.op as? Dropout)?.seed ?? index),
        [
          node.operands[0],
          ratio ?? graph.addConstant(graph.freeValueName(node.name + ".ratio"), half), step,
        ],
        name: node.name + ".training", origins: node.origins, metadata: node.metadata, before: id)
      try graph.replaceAllUses(of: node.result, with: graph[new].result)
      let mask = node.results.dropFirst().first ?? nil
      if mask.map({ graph.isUnused($0) }) ?? true { graph.remove(id) }
    }
    let one = graph.addConstant(graph.freeValueName("dropout.one"), AnyTensor(Int64(1)))
    let next = try graph.addNode(Add(), [step, one], name: "dropout.step.next")
    return [(step, graph[next].result)]
  }
}
