import QATCore
import QATIR
import QATRewrite

/// Folds a frozen batch-norm into the product that feeds it.
///
///     %1 = Conv(%x, %w, %b)
///     %2 = BatchNormalization(%1, %gamma, %beta, %mean, %variance) {epsilon = 1e-5}
///     ->
///     %2 = Conv(%x, %w1, %b1)
///
/// where k = gamma / sqrt(variance + epsilon), w1[m, ...] = w[m, ...] * k[m] and
/// b1 = (b - mean) * k + beta. A weight that is fake-quantized per channel and symmetric keeps its
/// codes: w1 has the codes sign(k) * codes(w) on the scale s * |k|, and codes 0 where k is 0. (Where k < 0
/// turns the lowest code of a grid below 8 bits around, the byte it lives in holds that.)
///
/// Left alone: a product with a second user, a batch-norm in training mode, a weight that is
/// quantized per tensor or asymmetrically (its codes can't be kept).
///
/// With `layers=unkept` only those are folded whose codes could not be kept after training: layers that
/// `apply-layer-config` notes as quantized, but not per channel, symmetric, and narrow or below 8 bits,
/// and transposed convolutions. They train without a batch-norm; `prepare-batchnorm` lets them train with
/// it.
public struct FoldBatchNorm: Pass {
  /// All batch-norms, or those alone that can't be kept for training.
  public enum Layers: String, CaseIterable, PassOptionValue, Sendable { case all, unkept }

  public static let name: PassName = "fold-batchnorm"
  public static let summary = "fold batch-norms into the products that feed them"
  public static let effect: Effect = .within(relativeTolerance: 1e-5)
  public static let entersBodies = true

  public static let options: [PassOption<Self>] = [
    .init("layers", \.layers, "which products take part")
  ]

  /// Which batch-norms.
  public var layers = Layers.all

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    try applyRules(
      [
        FoldIntoProduct<Conv>(layers), FoldIntoProduct<ConvTranspose>(layers),
        FoldIntoProduct<Gemm>(layers),
        FoldIntoQuantized<Conv>(), FoldIntoQuantized<Gemm>(),
      ], to: &graph)
  }
}

private struct FoldIntoProduct<Op: ScalesByChannel>: RewriteRule {
  private let layers: FoldBatchNorm.Layers

  init(_ layers: FoldBatchNorm.Layers) { self.layers = layers }

  private let product = Capture<Op>("product")
  private let norm = Capture<BatchNormalization>("norm") { !$0.trainingMode }
  private let x = ValueCapture("x")
  private let w = ParameterCapture("w"), b = ParameterCapture("b")
  private let gamma = ParameterCapture("gamma"), beta = ParameterCapture("beta")
  private let mean = ParameterCapture("mean"), variance = ParameterCapture("variance")

  var pattern: Pattern {
    let weight = w.pattern.where { value, graph in
      graph[value].type.shape?.sizes != nil && !graph.isOnGrid(value)
    }
    let layers = layers
    return norm(product(x, weight, b.optional).usedOnce, gamma, beta, mean, variance)
      .where { value, graph in
        if layers == .unkept, !graph.losesCodes(behind: value) { return false }
        // A Gemm's scaling factors would have to be folded in as well; quantizing forbids them.
        guard
          let gemm = graph.operation(BatchNormalization.self, of: value)
            .flatMap({ graph.operation(Gemm.self, of: graph[$0.node].operands[0]) })
        else { return true }
        return gemm.op.beta == 1
      }
  }

  func rewrite(_ match: Match, in graph: inout GraphEditor) {
    let op = graph.op(product, match)
    guard let x = match.value(x), let weight = match.value(w) else { return }
    let k = match[gamma] / (match[variance] + graph.op(norm, match).epsilon).squareRoot()
    let shape = graph.graph[weight].type.knownShape
    graph.replace(
      match[norm], with: op,
      [
        Term(x), op.scaled(match[w], of: shape, by: k).named(graph.graph[weight].name + ".folded"),
        foldedBias(match, b, mean, beta, k, in: graph.graph),
      ])
  }
}

private struct FoldIntoQuantized<Op: ScalesByChannel>: RewriteRule {
  private let product = Capture<Op>("product")
  private let norm = Capture<BatchNormalization>("norm") { !$0.trainingMode }
  private let quantizer = Capture<FakeQuantize>("quantizer") {
    $0.axis != nil && $0.blockSize == 0
  }
  private let x = ValueCapture("x")
  private let w = ParameterCapture("w"), b = ParameterCapture("b")
  private let scale = ParameterCapture("scale")
  private let zero = ValueCapture("zero") { value, graph in
    graph[value].constant?.integers?.allSatisfy { $0 == 0 } ?? false
  }
  private let gamma = ParameterCapture("gamma"), beta = ParameterCapture("beta")
  private let mean = ParameterCapture("mean"), variance = ParameterCapture("variance")

  var pattern: Pattern {
    let weight = quantizer(w, scale, zero).where { value, graph in
      // The lowest code of a full int8 has no negative.
      guard let (node, quantizer) = graph.operation(FakeQuantize.self, of: value),
        let user = graph.users(of: value).first, let op = graph[user].op as? Op,
        let rank = graph[graph[node].result].type.shape?.rank
      else { return false }
      let axis = quantizer.axis.map { $0 < 0 ? $0 + rank : $0 }
      return quantizer.grid.isNegatable && axis == op.channelAxis
    }
    return norm(product(x, weight, b.optional).usedOnce, gamma, beta, mean, variance)
  }

  func rewrite(_ match: Match, in graph: inout GraphEditor) {
    let op = graph.op(product, match), quantize = graph.op(quantizer, match)
    guard let x = match.value(x), let axis = quantize.axis else { return }
    // Every zero point is written: runtimes fuse nothing else.
    guard let scale = match.value(scale), let channels = graph.graph[scale].type.shape?.sizes else {
      return
    }
    let k = match[gamma] / (match[variance] + graph.op(norm, match).epsilon).squareRoot()
    let codes = quantizedCodes(
      match[w], Term(scale), zeroPoint: nil, grid: quantize.grid, axis: axis)
    let sign: Term = .op(Cast(to: .i8), [.op(Sign(), [k])])
    let weight: Term = .op(
      DequantizeLinear(axis: axis),
      [
        codes.scaled(by: sign, along: axis), positive(Term(scale) * .op(Abs(), [k])),
        .constant(zeros(channels, quantize.grid.container), name: "zero_point"),
      ])
    graph.replace(
      match[norm], with: op,
      [Term(x), weight, foldedBias(match, b, mean, beta, k, in: graph.graph)])
  }

  /// Scales of 0 (where gamma is 0, and so all codes are) become the largest scale, or 1.
  private func positive(_ scale: Term) -> Term {
    Term { builder in
      let s = scale.emit(in: &builder)
      let zero = builder.scalar(0, like: s), one = builder.scalar(1, like: s)
      let largest = builder.emit(ReduceMax(keepDimensions: false), [s])
      let safe = builder.emit(Where(), [builder.emit(Equal(), [largest, zero]), one, largest])
      return builder.emit(Where(), [builder.emit(Equal(), [s, zero]), safe, s])
    }
  }
}

extension Graph {
  /// Whether the product behind a batch-norm is quantized in a way that folding can't keep.
  fileprivate func losesCodes(behind norm: ValueID) -> Bool {
    guard let (node, _) = operation(BatchNormalization.self, of: norm),
      let x = self[node].operands[0], let product = producer(of: x)
    else { return false }
    return losesCodes(product)
  }
}

/// (b - mean) * k + beta, with b = 0 where the product has no bias.
private func foldedBias(
  _ match: Match, _ b: ParameterCapture, _ mean: ParameterCapture, _ beta: ParameterCapture,
  _ k: Term, in graph: Graph
) -> Term {
  let name = (match.value(b) ?? match.value(beta)).map { graph[$0].name } ?? "bias"
  guard let bias = match.value(b) else {
    return (match[beta] - match[mean] * k).named(name + ".folded")
  }
  return ((Term(bias) - match[mean]) * k + match[beta]).named(name + ".folded")
}
