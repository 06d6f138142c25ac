import QATCore
import QATIR
import QATRewrite

/// Folds batch-norms into quantized products for training: the weight is scaled by the running
/// statistics before it is quantized, and training corrects the result to those of the batch.
///
///     %1 = Conv(%x, %w, %b)
///     %2 = BatchNormalization(%1, %gamma, %beta, %mean, %variance)
///     ->
///     %w1 = Mul(%w, %k)                   // k = gamma / sqrt(variance + epsilon), along channels
///     %b1 = Add(Mul(Sub(%b, %mean), %k), %beta)
///     %3 = Conv(%x, %w1, %b1)
///     %2 = qat.FoldedBatchNormalization(%3, %gamma, %beta, %mean, %variance, %b)
///
/// `insert-fake-quant` quantizes %w1 and %b1 like any weight and bias, so that evaluating and lowering
/// see a product without a batch-norm. `enter-training` makes of the mark the correction by
/// running over batch deviation, which keeps the weight from following every batch.
///
/// Taken are products whose weight's codes could not be kept by folding after training: those that
/// `apply-layer-config` notes as quantized, but not per channel, symmetric and narrow, and transposed
/// convolutions. Left alone: a product with a second user, one in float, parameters that the graph
/// computes.
///
/// The batch's statistics are those of the quantized product; with `statistics=float`, those of a
/// second one with the float weight.
///
/// Source: Krishnamoorthi, arXiv:1806.08342, section 3.2.2.
public struct PrepareBatchNorm: Pass {
  /// Statistics of the quantized product, or of the one in float.
  public enum Statistics: String, CaseIterable, PassOptionValue, Sendable { case quantized, float }

  public static let name: PassName = "prepare-batchnorm"
  public static let summary = "fold batch-norms into quantized products for training"
  public static let effect: Effect = .within(relativeTolerance: 1e-5)
  public static let options: [PassOption<Self>] = [
    .init("statistics", \.statistics, "the weights that give the batch's statistics")
  ]

  /// Whose statistics normalize.
  public var statistics = Statistics.quantized

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    var builder = GraphBuilder(graph)
    for id in graph.nodes {
      guard let fold = PreparedFold(of: id, in: builder.graph) else { continue }
      try fold.emit(in: &builder, keepsWeight: statistics == .float)
    }
    if let failure = builder.failure { throw failure }
    graph = builder.graph
  }
}

/// A batch-norm and the product in front of it.
private struct PreparedFold {
  let norm: NodeID, product: NodeID
  let op: BatchNormalization
  let scaling: any ScalesByChannel
  let weight: ValueID
  let bias: ValueID?
  let gamma: ValueID, beta: ValueID, mean: ValueID, variance: ValueID

  init?(of norm: NodeID, in graph: Graph) {
    let operands = graph[norm].operands
    guard let op = graph[norm].op as? BatchNormalization, !op.trainingMode, let x = operands[0],
      graph.isUsedOnce(x), let product = graph.producer(of: x), graph.losesCodes(product),
      let scaling = graph[product].op as? any ScalesByChannel,
      (scaling as? Gemm)?.beta ?? 1 == 1, let gamma = operands[1], let beta = operands[2],
      let mean = operands[3], let variance = operands[4],
      [gamma, beta, mean, variance].allSatisfy({ graph[$0].parameter != nil })
    else { return nil }
    let inputs = graph[product].operands
    let bias = inputs.count > 2 ? inputs[2] : nil
    guard let weight = inputs[1], graph[weight].type.shape?.sizes != nil,
      graph.isParameter(weight), !graph.isOnGrid(weight),
      bias.map({ graph[$0].parameter != nil && graph[$0].type.shape?.rank == 1 }) ?? true
    else { return nil }
    (self.norm, self.product, self.op, self.scaling) = (norm, product, op, scaling)
    (self.weight, self.bias) = (weight, bias)
    (self.gamma, self.beta, self.mean, self.variance) = (gamma, beta, mean, variance)
  }

  func emit(in builder: inout GraphBuilder, keepsWeight: Bool) throws(Diagnostic) {
    let name = builder.graph[norm].name, shape = builder.graph[weight].type.knownShape
    let old = builder.graph[norm].result, resultName = builder.graph[old].name
    builder.insertionPoint = product
    builder.namePrefix = name + "."
    builder.origins = [name]
    // The loss must not train running statistics.
    let center: Term = .op(StopGradient(), [Term(mean)])
    let deviation = (.op(StopGradient(), [Term(variance)]) + op.epsilon).squareRoot()
    let k = Term((Term(gamma) / deviation).emit(in: &builder))
    let scaled = scaling.scaled(Term(weight), of: shape, by: k).emit(in: &builder)
    let shifted = bias.map { (Term($0) - center) * k + Term(beta) } ?? Term(beta) - center * k
    let offset = shifted.emit(in: &builder)
    var inputs = builder.graph[product].operands
    inputs[1] = scaled
    inputs = Array(inputs.prefix(2)) + [offset]
    let x = builder.graph[product].result
    builder.graph.setOperands(of: product, to: inputs)
    // Another value has another name.
    builder.graph.rename(x, to: builder.graph.freeValueName(resultName + ".product"))

    builder.insertionPoint = norm
    builder.namePrefix = ""
    builder.origins = builder.graph[norm].origins
    let mark = builder.emit(
      FoldedBatchNormalization(epsilon: op.epsilon, momentum: op.momentum),
      [x, gamma, beta, mean, variance, bias, keepsWeight ? weight : nil],
      name: name + ".folded")
    try builder.graph.replaceAllUses(of: old, with: mark)
    builder.graph.remove(norm)
    // The mark goes on under the names of the batch-norm.
    if builder.graph.value(named: resultName) == nil { builder.graph.rename(mark, to: resultName) }
    if let node = builder.graph.producer(of: mark) { builder.graph.rename(node, to: name) }
  }
}
