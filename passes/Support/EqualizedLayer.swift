import QATCore
import QATIR

/// A product whose weight and bias are parameters of its own, and the factors its channels are to be
/// scaled by: outputs divided, inputs multiplied.
struct EqualizedLayer: Sendable {
  let channels: WeightChannels
  private let weight: ValueID, bias: ValueID?
  /// The largest magnitude of each block of the weight.
  private let magnitudes: [Double]
  private var outputFactors: [Double], inputFactors: [Double]

  init?(_ id: NodeID, in graph: Graph) {
    guard
      case .weighted(let input, let weightIndex, _, let biasIndex) = graph.quantizationRole(of: id),
      input == 0, let weight = graph[id].operands[weightIndex], graph.isOwn(weight),
      let tensor = graph[weight].parameter, let elements = tensor.elements(as: Float.self),
      let channels = WeightChannels(graph[id].op, weight: tensor.shape)
    else { return nil }
    let bias = biasIndex.flatMap { $0 < graph[id].operands.count ? graph[id].operands[$0] : nil }
    if let bias {
      guard graph.isOwn(bias), graph[bias].parameter?.elementCount == channels.outputs,
        graph[bias].type.element == .f32
      else { return nil }
    }
    (self.weight, self.bias, self.channels) = (weight, bias, channels)
    let inner = channels.inner
    magnitudes = (0..<channels.blockCount).map { block in
      elements[block * inner..<(block + 1) * inner].reduce(0) { max($0, Double(abs($1))) }
    }
    outputFactors = Array(repeating: 1, count: channels.outputs)
    inputFactors = Array(repeating: 1, count: channels.inputs)
  }

  var scalesOutputs: Bool { outputFactors.contains { $0 != 1 } }
  private var scalesInputs: Bool { inputFactors.contains { $0 != 1 } }

  /// The largest magnitude of the weight in the slices of each output channel, as scaled so far.
  func outputRanges() -> [Double] { ranges(channels.outputs) { $0.output } }
  /// The same for input channels.
  func inputRanges() -> [Double] { ranges(channels.inputs) { $0.input } }

  private func ranges(
    _ count: Int, _ channel: ((output: Int, input: Int)) -> Int
  ) -> [Double] {
    var result = Array(repeating: 0.0, count: count)
    for block in magnitudes.indices {
      let pair = channels.channels(ofBlock: block), index = channel(pair)
      result[index] = max(result[index], magnitudes[block] * factor(pair))
    }
    return result
  }

  private func factor(_ pair: (output: Int, input: Int)) -> Double {
    inputFactors[pair.input] / outputFactors[pair.output]
  }

  mutating func scaleOutputs(by factors: [Double]) {
    for (index, factor) in factors.enumerated() { outputFactors[index] *= factor }
  }

  /// - Parameter features: inputs that stand in a row for each factor.
  mutating func scaleInputs(by factors: [Double], features: Int) {
    for index in inputFactors.indices { inputFactors[index] *= factors[index / features] }
  }

  /// Writes the scaled weight and bias, under other names.
  func apply(to node: NodeID, in graph: inout Graph) {
    guard scalesOutputs || scalesInputs else { return }
    let elements = graph[weight].parameter?.doubles ?? []
    graph.setParameter(
      weight,
      to: elements.enumerated().map { index, w in
        w * factor(channels.channels(ofBlock: index / channels.inner))
      })
    graph.rename(weight, to: graph.freeValueName(graph[weight].name + ".equalized"))
    if scalesOutputs, let bias { scaleOffset(bias, in: &graph) }
  }

  /// Divides a vector of one element an output channel.
  func scaleOffset(_ vector: ValueID, in graph: inout Graph) {
    let elements = graph[vector].parameter?.doubles ?? []
    graph.setParameter(vector, to: zip(elements, outputFactors).map { $0 / $1 })
    graph.rename(vector, to: graph.freeValueName(graph[vector].name + ".equalized"))
  }
}

extension Graph {
  /// Whether a parameter has one reader and is no output.
  fileprivate func isOwn(_ value: ValueID) -> Bool {
    self[value].parameter != nil && isUsedOnce(value)
  }
}
