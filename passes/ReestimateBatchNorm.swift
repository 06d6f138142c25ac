import QATCore
import QATIR
import QATRewrite

/// Measures the statistics of batch-norms again, over the calibration data, and changes nothing else.
///
///     variable %mean: f32[8], %variance: f32[8]        // what moving averages left behind
///     ->
///     variable %mean: f32[8], %variance: f32[8]        // of all batches, as if they were one
///
/// Batch-norms are measured in order, each on what the ones in front of it give with their new
/// statistics, in the quantized graph where there are quantizers; statistics that several of them share
/// are those of all their inputs. For one that `prepare-batchnorm` folded, they are those of its
/// quantized product divided by what its weight was scaled by; a channel that was scaled by 0 keeps its
/// statistics. Run it before `freeze`, so that the rounding of folded biases follows.
public struct ReestimateBatchNorm: Pass {
  public static let name: PassName = "reestimate-batchnorm"
  public static let summary = "measure the statistics of batch-norms again"
  public static let effect: Effect = .changesNumerics("batch-norms use statistics of the data")
  public static let options: [PassOption<Self>] = [
    .init("batches", \.batches, "batches to run at most; 0 for all there are")
  ]

  /// Batches to run at most; 0 for all there are.
  public var batches = 0

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    let norms = graph.nodes.compactMap { MeasuredNorm($0, in: graph) }
    if norms.isEmpty { return }
    for group in graph.levels(of: norms.map(\.node)) {
      let members = norms.filter { group.contains($0.node) }
      try measure(members, sharing: norms, in: &graph, &context)
    }
    context.remark(.note, "\(norms.count) batch-norms measured again")
  }

  /// Statistics that a member shares with batch-norms of other levels are measured over those too.
  private func measure(
    _ members: [MeasuredNorm], sharing norms: [MeasuredNorm], in graph: inout Graph,
    _ context: inout PassContext
  ) throws(Diagnostic) {
    let means = Set(members.map(\.mean))
    let involved = norms.filter { means.contains($0.mean) }
    var moments: [ValueID: ChannelMoments] = [:]
    var foldings: [ValueID: MeasuredNorm.Folding] = [:]
    for norm in involved { foldings[norm.x] = norm.folding(in: graph) }
    let biases = involved.map { $0.foldedBias(in: graph) ?? $0.x }
    let count = involved.count
    try graph.measure(involved.map(\.x) + biases, batches: batches, &context) { tensors in
      for (index, norm) in involved.enumerated() {
        let x = tensors[index]
        let seen = foldings[norm.x]?.unscaled(x, bias: tensors[count + index]) ?? x
        moments[norm.mean, default: ChannelMoments()].add(seen, axis: 1)
      }
    }
    for norm in involved {
      guard let measured = moments.removeValue(forKey: norm.mean) else { continue }
      let isHidden = foldings[norm.x]?.isHidden
      func merged(_ value: ValueID, _ new: [Double]) -> [Double] {
        let old = graph[value].parameter?.doubles ?? new
        return new.indices.map { isHidden?[$0] ?? false ? old[$0] : new[$0] }
      }
      let mean = merged(norm.mean, measured.mean)
      let variance = merged(norm.variance, measured.variance)
      graph.setParameter(norm.mean, to: mean)
      graph.setParameter(norm.variance, to: variance)
    }
  }
}

/// A batch-norm in evaluation form, or the mark of one that is folded, with statistics to be set.
private struct MeasuredNorm {
  /// How the product of a folded batch-norm gives what the batch-norm would see.
  struct Folding {
    let k: [Double], own: [Double]
    var isHidden: [Bool] { k.map { $0 == 0 } }

    func unscaled(_ x: AnyTensor, bias: AnyTensor) -> AnyTensor {
      guard let elements = x.doubles, let b = bias.doubles else { return x }
      let inner = x.shape[2...].reduce(1, *)
      return AnyTensor(
        shape: x.shape,
        elements.enumerated().map { index, element in
          let c = index / inner % k.count
          return k[c] == 0 ? 0 : (element - b[c]) / k[c] + own[c]
        })
    }
  }

  let node: NodeID
  let x: ValueID, scale: ValueID, mean: ValueID, variance: ValueID
  private let own: ValueID?
  private let epsilon: Float
  private let isFolded: Bool

  init?(_ id: NodeID, in graph: Graph) {
    let operands = graph[id].operands
    switch graph[id].op {
    case let op as BatchNormalization where !op.trainingMode:
      (epsilon, isFolded, own) = (op.epsilon, false, nil)
    case let op as FoldedBatchNormalization:
      (epsilon, isFolded, own) = (op.epsilon, true, operands.count > 5 ? operands[5] : nil)
    default: return nil
    }
    guard let x = operands[0], let scale = operands[1], let mean = operands[3],
      let variance = operands[4],
      [scale, mean, variance].allSatisfy({ graph[$0].parameter != nil })
    else { return nil }
    node = id
    (self.x, self.scale, self.mean, self.variance) = (x, scale, mean, variance)
  }

  func folding(in graph: Graph) -> Folding? {
    guard isFolded, let scale = graph[scale].parameter?.doubles,
      let variance = graph[variance].parameter?.doubles
    else { return nil }
    let k = zip(scale, variance).map { $0 / ($1 + Double(epsilon)).squareRoot() }
    let own = own.flatMap { graph[$0].parameter?.doubles }
    return Folding(k: k, own: own ?? k.map { _ in 0 })
  }

  /// What the product adds.
  func foldedBias(in graph: Graph) -> ValueID? {
    guard isFolded, let product = graph.producer(of: x),
      case .weighted(_, _, _, .some(let bias)) = graph.quantizationRole(of: product),
      graph[product].operands.count > bias
    else { return nil }
    return graph[product].operands[bias]
  }
}
