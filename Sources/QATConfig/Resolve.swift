import QATCore

/// A layer of a model, as the rules see it.
public struct LayerDescription: Sendable, Hashable {
  /// The name of the node.
  public var name: String
  /// The operation: `Conv`, `Gemm`, …
  public var opType: String
  /// The position among the quantizable layers, from 0; `nil` for a layer that only has parameters.
  public var index: Int?

  /// Whether quantization knows the operation: one without a weight has no index, and yet activations.
  public var isQuantizable: Bool
  /// Whether it stays in float where no rule says `quantize: true`.
  public var startsInFloat: Bool

  public init(
    name: String, opType: String, index: Int?, isQuantizable: Bool? = nil,
    startsInFloat: Bool = false
  ) {
    self.name = name
    self.opType = opType
    self.index = index
    self.isQuantizable = isQuantizable ?? (index != nil)
    self.startsInFloat = startsInFloat
  }
}

/// What a configuration says about one layer, and why.
public struct ResolvedLayer: Sendable, Equatable {
  /// Which layer it is.
  public var layer: LayerDescription
  /// `nil` for float.
  public var weights: TensorQuantization?
  /// `nil` for float.
  public var activations: TensorQuantization?
  /// Whether its bias is quantized.
  public var quantizeBias: Bool
  /// Whether its parameters are trained.
  public var trainable: Bool
  /// The rules that match the layer, in order.
  public var rules: [RuleReference]
  /// The rule that decided a setting (`quantize`, `trainable`, `weights.bits`, `bias.quantize`, …);
  /// what is not here comes from the defaults of the configuration.
  public var origins: [String: RuleReference]

  /// The last rule that decided one of these settings, or a part of one (`weights` has `weights.bits`).
  public func origin(of settings: String...) -> RuleReference? {
    origins.filter { key, _ in settings.contains { key == $0 || key.hasPrefix("\($0).") } }
      .values.max { $0.index < $1.index }
  }

  /// Whether weights or activations are quantized.
  public var isQuantized: Bool { weights != nil || activations != nil }
}

/// A rule by its number and its text.
public struct RuleReference: Sendable, Hashable, CustomStringConvertible {
  /// From 0.
  public var index: Int
  /// The rule as one line of YAML.
  public var text: String
  /// Where the rule stands in its file: `FILE:LINE:COLUMN`.
  public var place: String?

  public var description: String { "rule \(index + 1) \(text)" }
}

extension QuantizationConfig {
  /// What holds for each layer, in the order given.
  ///
  /// All rules that match a layer apply, in order, so that later ones win setting by setting. A
  /// setting for weights or activations that the configuration leaves in float starts from those of
  /// `recommended`. A layer with `quantize: false`, or one that starts in float, stays there until a
  /// later rule says `quantize: true`.
  ///
  /// - Throws: `configuration` for a rule that matches nothing, for a rule about quantization that
  ///   matches only layers without any, and for settings that contradict each other.
  public func resolve(layers: [LayerDescription]) throws(Diagnostic) -> [ResolvedLayer] {
    try validate()
    var states = layers.map { LayerState($0, self) }
    var matches: [[Int]] = []
    for (index, rule) in self.layers.enumerated() {
      do { matches.append(try rule.checkedMatches(in: layers)) } catch {
        throw rule.placing(error, index)
      }
    }
    try checkOverrides(matches.map { Set($0) })
    for (index, rule) in self.layers.enumerated() {
      let reference = RuleReference(index: index, text: rule.description, place: rule.place)
      do {
        for match in matches[index] { try states[match].apply(rule, reference) }
      } catch { throw rule.placing(error, index) }
    }
    return states.map(\.resolved)
  }
}

extension LayerRule {
  /// The positions of the layers that the rule is about.
  fileprivate func checkedMatches(in layers: [LayerDescription]) throws(Diagnostic) -> [Int] {
    let matches = try match.matches(in: layers)
    guard !matches.isEmpty else {
      throw Diagnostic(
        .configuration, "the rule matches no layer: \(match.yaml)", hint: match.hint(for: layers))
    }
    if concernsQuantization, matches.allSatisfy({ !layers[$0].isQuantizable }) {
      throw Diagnostic(
        .configuration, "the rule matches only layers that are never quantized: \(match.yaml)",
        hint: "here only trainable has a meaning")
    }
    if case .settings? = weights, matches.allSatisfy({ layers[$0].index == nil }) {
      let names = layers.filter { $0.index != nil }.map(\.name)
      throw Diagnostic(
        .configuration,
        "the rule sets weights, and matches only layers without: \(match.yaml)",
        hint: names.isEmpty
          ? "no layer of the model has weights"
          : "layers with weights are \(names.prefix(8).joined(separator: ", "))"
            + (names.count > 8 ? ", …" : ""))
    }
    return matches
  }
}

/// A layer while rules are applied to it.
private struct LayerState {
  private var isQuantized: Bool
  private var weights: TensorQuantization?
  private var activations: TensorQuantization?
  private var result: ResolvedLayer

  init(_ layer: LayerDescription, _ config: QuantizationConfig) {
    isQuantized = !layer.startsInFloat
    weights = config.weights
    activations = config.activations
    result = ResolvedLayer(
      layer: layer, quantizeBias: config.quantizeBias, trainable: true, rules: [], origins: [:])
  }

  mutating func apply(_ rule: LayerRule, _ reference: RuleReference) throws(Diagnostic) {
    let defaults = QuantizationConfig.recommended
    isQuantized = rule.quantize ?? isQuantized
    do throws(Diagnostic) {
      weights = try Self.applied(rule.weights, to: weights, else: defaults.weights)
      activations = try Self.applied(rule.activations, to: activations, else: defaults.activations)
    } catch { throw error.at(result.layer.name) }
    result.quantizeBias = rule.quantizeBias ?? result.quantizeBias
    result.trainable = rule.trainable ?? result.trainable
    result.rules.append(reference)
    for (setting, _) in rule.decisions {
      // A whole kind set to float takes back what was said of its parts.
      result.origins = result.origins.filter { !$0.key.hasPrefix("\(setting).") }
      if let kind = setting.split(separator: ".").first, kind != setting, kind != "bias" {
        result.origins[String(kind)] = nil
      }
      result.origins[setting] = reference
    }
  }

  var resolved: ResolvedLayer {
    var resolved = result
    let isQuantized = isQuantized && result.layer.isQuantizable
    resolved.weights = isQuantized ? weights : nil
    resolved.activations = isQuantized ? activations : nil
    // An int32 bias has the scale s_x·s_w: without both there is none.
    resolved.quantizeBias =
      result.quantizeBias && resolved.weights != nil && resolved.activations != nil
    return resolved
  }

  private static func applied(
    _ rule: LayerRule.TensorRule?, to base: TensorQuantization?, else start: TensorQuantization?
  ) throws(Diagnostic) -> TensorQuantization? {
    switch rule {
    case nil: base
    case .float: nil
    case .settings(let settings):
      try settings.applied(to: base ?? start ?? TensorQuantization())
    }
  }
}
