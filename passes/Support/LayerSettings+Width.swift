import QATConfig
import QATCore
import QATIR

extension LayerSettings {
  /// The same settings on grids of other widths; what is in float stays there.
  ///
  /// - Throws: `invalid-option` for a number of bits that is no grid.
  func atWidth(_ width: LayerWidth) throws(Diagnostic) -> LayerSettings {
    var result = self
    if let weights { result.weights?.grid = try weights.grid.withBits(width.weights) }
    if let activations, let bits = width.activations {
      result.activations?.grid = try activations.grid.withBits(bits)
    }
    return result
  }
}

extension IntegerGrid {
  fileprivate func withBits(_ bits: Int) throws(Diagnostic) -> IntegerGrid {
    try IntegerGrid(bits: bits, signed: isSigned, narrow: isNarrow)
  }
}

extension Graph {
  /// The settings that `apply-layer-config` noted on a node.
  func layerSettings(of id: NodeID) -> LayerSettings? {
    LayerSettings(metadata: self[id].metadata)
  }

  mutating func setLayerSettings(_ settings: LayerSettings, of id: NodeID) {
    for (key, note) in settings.metadata { setMetadata(key, of: id, to: note) }
  }

  /// The layers whose quantization shows in the outputs: products with their weights, and operations
  /// whose operands and result have scales of their own; in the order they run.
  var quantizedLayers: [NodeID] {
    nodes.filter { id in
      guard let role = quantizationRole(of: id), layerSettings(of: id)?.quantize == true else {
        return false
      }
      switch role {
      case .weighted: return true
      case .weightsOnly: return layerSettings(of: id)?.weights != nil
      case .activations, .fixedResult: return layerSettings(of: id)?.activations != nil
      case .passThrough, .clamping: return false
      }
    }
  }

  /// The operands of a node that are weights: parameters that may be codes.
  func quantizableWeights(of node: NodeID) -> [Int] {
    let operands = self[node].operands
    let all =
      switch quantizationRole(of: node) {
      case .weighted(_, let weight, _, _): [weight]
      case .weightsOnly(let weights, _): weights
      default: [] as [Int]
      }
    return all.filter { $0 < operands.count && operands[$0].map { isParameter($0) } ?? false }
  }

  /// Elements of the weights that a layer quantizes; 0 where it has none.
  func quantizedWeightCount(of id: NodeID) -> Int {
    guard layerSettings(of: id)?.weights != nil else { return 0 }
    return quantizableWeights(of: id).reduce(0) { sum, index in
      sum + (self[id].operands[index].flatMap { self[$0].type.shape?.sizes }?.reduce(1, *) ?? 0)
    }
  }
}
