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
/// A batch-norm whose statistics are constants (a frozen layer) stays in evaluation form, and so do
/// all of them with `batchnorm=frozen`. With `quantize=false` quantizers let values through, while
/// their observers go on: that is training before the quantization delay has passed.
public struct EnterTraining: Pass {
  public enum BatchNorm: String, CaseIterable, PassOptionValue, Sendable { case training, frozen }

  public static let name: PassName = "enter-training"
  public static let summary = "use batch statistics, move observers, drop out"
  public static let effect: Effect = .changesNumerics("batch statistics take the place of running ones")
  public static let options: [PassOption<Self>] = [
    .init("batchnorm", \.batchnorm, "whether statistics move"),
    .init("quantize", \.quantize, "whether quantizers round"),
  ]

  public var batchnorm = BatchNorm.training
  public var quantize = true

  public init() {}
  public init(batchnorm: BatchNorm = .training, quantize: Bool = true) {
    self.batchnorm = batchnorm
    self.quantize = quantize
  }

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    var updates: [(variable: ValueID, value: ValueID)] = []
    for id in graph.nodes {
      switch graph[id].op {
      case let op as BatchNormalization where batchnorm == .training && !op.trainingMode:
        updates += try trainBatchNorm(id, op, in: &graph)
      case var op as Observe:
        op.training = true
        graph.setOperation(of: id, to: op)
        updates += (0..<3).compactMap { index in
          guard let variable = graph[id].operands[index + 1], let value = graph[id].results[index] else { return nil }
          return (variable, value)
        }
      case var op as FakeQuantize:
        op.bypass = !quantize
        graph.setOperation(of: id, to: op)
      case var op as FakeQuantizeBias:
        op.bypass = !quantize
        graph.setOperation(of: id, to: op)
      case is Dropout: trainDropout(id, in: &graph)
      default: break
      }
    }
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

  private func trainDropout(_ id: NodeID, in graph: inout Graph) {
    var operands = graph[id].operands
    while operands.count < 3 { operands.append(nil) }
    operands[2] = graph.addConstant(
      graph.freeValueName(graph[id].name + ".training_mode"), AnyTensor(true))
    graph.setOperands(of: id, to: operands)
  }
}
