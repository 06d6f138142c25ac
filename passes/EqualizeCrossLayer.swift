import QATCore
import QATIR
import QATRewrite

/// Scales the channels between two products so that both weights have the same range in each: with
/// one scale for a whole weight, small channels keep their precision.
///
///     %1 = Conv(%x, %w1, %b1)
///     %2 = Relu(%1)
///     %3 = Conv(%2, %w2, %b2)
///     ->
///     %1 = Conv(%x, %w1 / s, %b1 / s)       // s: one factor an output channel of %w1
///     %2 = Relu(%1)
///     %3 = Conv(%2, %w2 * s, %b2)           // along the input channels of %w2
///
/// where s = √(r1·r2)/r2 of the largest magnitudes r1, r2 in the channel's slices; a channel that is all
/// zero on either side keeps its scale. The model computes the same, because only operations f with
/// f(s·x) = s·f(x) for s > 0 stand between: Relu, LeakyRelu, Identity, MaxPool, AveragePool, their global
/// forms, and a Flatten in front of a matrix. Chains of products (also depthwise ones) are scaled over
/// and over until no factor moves a range by more than a thousandth. Values and parameters that change
/// get other names.
///
/// Left alone: values that somebody else reads, weights that layers share, activations that clip or bend
/// (Clip, Sigmoid, …), quantized products. Expects batch-norms to be folded.
///
/// Source: Nagel et al., arXiv:1906.04721, section 4.1.
public struct EqualizeCrossLayer: Pass {
  public static let name: PassName = "equalize-cross-layer"
  public static let summary = "give the weights of neighbours equal ranges in each channel"
  public static let effect: Effect = .within(relativeTolerance: 1e-5)
  public static let entersBodies = true
  public static let options: [PassOption<Self>] = [
    .init("iterations", \.iterations, "sweeps over the model at most")
  ]

  /// Times that all pairs of layers are gone through at most.
  public var iterations = 100

  /// A sweep without a larger factor is the last one.
  private static let smallestFactor = 1.001

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    let pairs = graph.nodes.compactMap { EqualizedPair(from: $0, in: graph) }
    if pairs.isEmpty { return }
    var layers: [NodeID: EqualizedLayer] = [:]
    for node in Set(pairs.flatMap { [$0.first, $0.second] }) {
      layers[node] = EqualizedLayer(node, in: graph)
    }
    var sweeps = 0, largest = Double.infinity
    while largest > Self.smallestFactor && sweeps < iterations {
      largest = 1
      for pair in pairs { largest = max(largest, pair.equalize(&layers)) }
      sweeps += 1
    }
    // One sweep that finds nothing to move: the ranges were equal.
    if sweeps == 1 && largest <= Self.smallestFactor { return }
    let changed = pairs.filter { layers[$0.first]?.scalesOutputs ?? false }
    if changed.isEmpty { return }
    for (node, layer) in layers.sorted(by: { graph[$0.key].name < graph[$1.key].name }) {
      layer.apply(to: node, in: &graph)
    }
    for pair in changed {
      for value in pair.between {
        graph.rename(value, to: graph.freeValueName(graph[value].name + ".equalized"))
      }
      guard let layer = layers[pair.first] else { continue }
      for offset in pair.offsets { layer.scaleOffset(offset, in: &graph) }
    }
    context.remark(.note, "\(changed.count) pairs of layers equalized in \(sweeps) sweeps")
  }
}

/// Two products with nothing but positively homogeneous operations between them.
private struct EqualizedPair {
  let first: NodeID, second: NodeID
  /// What becomes smaller or larger: the results from the first product to the second.
  let between: [ValueID]
  /// Vectors that are added behind the first product.
  let offsets: [ValueID]
  /// Inputs of the second product that a channel of the first one becomes.
  let features: Int

  init?(from id: NodeID, in graph: Graph) {
    guard let layer = EqualizedLayer(id, in: graph) else { return nil }
    var value = graph[id].result, between: [ValueID] = [], offsets: [ValueID] = [], features = 1
    guard let rank = graph[value].type.shape?.rank else { return nil }
    // Where the channels of the value are.
    var axis = graph[id].op is MatMul ? rank - 1 : 1
    while graph.isUsedOnce(value), let reader = graph.users(of: value).first {
      between.append(value)
      let node = graph[reader], last = (graph[value].type.shape?.rank ?? 0) - 1
      if let next = EqualizedLayer(reader, in: graph), node.operands[0] == value {
        guard next.channels.inputs == layer.channels.outputs * features,
          axis == (node.op is Conv || node.op is ConvTranspose ? 1 : last)
        else { return nil }
        (first, second) = (id, reader)
        (self.between, self.offsets, self.features) = (between, offsets, features)
        return
      }
      guard node.results.count == 1 else { return nil }
      switch node.op {
      case is Relu, is LeakyRelu, is Identity: break
      case is MaxPool, is AveragePool, is GlobalAveragePool, is GlobalMaxPool:
        guard axis == 1 else { return nil }
      case is Add:
        guard axis == last,
          let vector = graph.offset(of: node, to: value, channels: layer.channels.outputs)
        else { return nil }
        offsets.append(vector)
      case is Flatten, is Reshape:
        guard axis == 1, features == 1, let count = graph.flattened(value, to: node.result) else {
          return nil
        }
        (features, axis) = (count, 1)
      default: return nil
      }
      value = node.result
    }
    return nil
  }

  /// Scales the channels between the two layers once.
  /// - Returns: the largest factor, or one divided by the smallest.
  func equalize(_ layers: inout [NodeID: EqualizedLayer]) -> Double {
    guard var a = layers[first] else { return 0 }
    let one = a.outputRanges()
    let two = layers[second]?.inputRanges() ?? []
    var largest = 1.0
    var factors = Array(repeating: 1.0, count: one.count)
    for channel in one.indices {
      let r1 = one[channel]
      let r2 = two[channel * features..<(channel + 1) * features].max() ?? 0
      let factor = (r1 / r2).squareRoot()
      guard r1 > 0, r2 > 0, factor.isNormal else { continue }
      factors[channel] = factor
      largest = max(largest, factor, 1 / factor)
    }
    a.scaleOutputs(by: factors)
    layers[first] = a
    layers[second]?.scaleInputs(by: factors, features: features)
    return largest
  }
}

extension Graph {
  /// The vector of one element a channel that an `Add` adds along the last axis, nobody else's.
  fileprivate func offset(of node: Node, to value: ValueID, channels: Int) -> ValueID? {
    guard let other = node.operands.first(where: { $0 != value }), let vector = other,
      self[vector].parameter?.shape == [channels], self[vector].users.count == 1,
      !isOutput(vector), self[value].type.shape?.dimensions.last?.size == channels
    else { return nil }
    return vector
  }

  /// How many elements of a channel come together in each row when [N,C,…] becomes [N,C·…].
  fileprivate func flattened(_ value: ValueID, to result: ValueID) -> Int? {
    guard let from = self[value].type.shape, let to = self[result].type.shape, from.rank >= 2,
      to.rank == 2, from[0].isSame(as: to[0])
    else { return nil }
    let sizes = from.dimensions.dropFirst().compactMap(\.size)
    guard sizes.count == from.rank - 1, let row = to[1].size, row == sizes.reduce(1, *) else {
      return nil
    }
    return sizes.dropFirst().reduce(1, *)
  }
}
