import QATCore

extension QuantizationConfig {
  /// Sets the bits of one layer, by a rule of its own behind the others. What earlier rules by that
  /// name said of these bits goes.
  ///
  /// - Parameters:
  ///   - weights: `nil` to leave them as they are.
  ///   - activations: `nil` to leave them as they are.
  public mutating func setBits(of layer: String, weights: Int?, activations: Int?) {
    removeRules(of: layer) { rule in
      if weights != nil { rule.weights?.forgetBits() }
      if activations != nil { rule.activations?.forgetBits() }
    }
    var rule = LayerRule(.name(layer))
    rule.weights = weights.map { .settings(TensorSettings(bits: $0)) }
    rule.activations = activations.map { .settings(TensorSettings(bits: $0)) }
    if !rule.decisions.isEmpty { layers.append(rule) }
  }

  /// Leaves one layer in float, by a rule of its own behind the others.
  public mutating func leaveInFloat(_ layer: String) {
    removeRules(of: layer) { rule in
      rule.quantize = nil
      rule.weights?.forgetBits()
      rule.activations?.forgetBits()
    }
    layers.append(LayerRule(.name(layer), quantize: false))
  }

  /// Takes something out of the rules that name a layer, and the rules that then say nothing.
  private mutating func removeRules(of layer: String, _ forget: (inout LayerRule) -> Void) {
    for index in layers.indices.reversed() where layers[index].match == .name(layer) {
      forget(&layers[index])
      for path in [\LayerRule.weights, \LayerRule.activations]
      where layers[index][keyPath: path] == .settings(TensorSettings()) {
        layers[index][keyPath: path] = nil
      }
      if layers[index].decisions.isEmpty { layers.remove(at: index) }
    }
  }
}

extension LayerRule.TensorRule {
  fileprivate mutating func forgetBits() {
    guard case .settings(var settings) = self else { return }
    settings.bits = nil
    self = .settings(settings)
  }
}
