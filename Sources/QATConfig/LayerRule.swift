import QATCore

/// One entry of `layers`: which layers, and what is different there.
public struct LayerRule: Sendable, CustomStringConvertible {
  /// Which layers.
  public var match: LayerSelector
  /// `false` leaves the layers in float; `true` takes that back.
  public var quantize: Bool?
  /// `false` keeps the layers' parameters as they are while training.
  public var trainable: Bool?
  /// What is different for their weights; `nil` for nothing.
  public var weights: TensorRule?
  /// What is different for their activations; `nil` for nothing.
  public var activations: TensorRule?
  /// Whether the layers' biases are quantized.
  public var quantizeBias: Bool?
  /// Where the rule stands in its file, for messages; no part of what the rule says.
  public var place: String?

  /// What a rule does to one kind of tensor.
  public enum TensorRule: Sendable, Hashable {
    /// They stay in float.
    case float
    /// They are quantized with these changes to what holds otherwise.
    case settings(TensorSettings)
  }

  /// A rule that says what is given, and leaves the rest as it is.
  public init(
    _ match: LayerSelector, quantize: Bool? = nil, trainable: Bool? = nil,
    weights: TensorRule? = nil, activations: TensorRule? = nil, quantizeBias: Bool? = nil
  ) {
    self.match = match
    self.quantize = quantize
    self.trainable = trainable
    self.weights = weights
    self.activations = activations
    self.quantizeBias = quantizeBias
  }

  /// The rule as one line of YAML: `{match: first, quantize: false}`.
  public var description: String { flowMapping([("match", match.yaml)] + entries) }

  /// What the rule sets, as YAML text.
  var entries: [(key: String, value: String)] {
    var entries: [(String, String)] = []
    if let quantize { entries.append(("quantize", "\(quantize)")) }
    if let trainable { entries.append(("trainable", "\(trainable)")) }
    if let weights { entries.append(("weights", weights.text)) }
    if let activations { entries.append(("activations", activations.text)) }
    if let quantizeBias {
      entries.append(("bias", flowMapping([("quantize", "\(quantizeBias)")])))
    }
    return entries
  }

  /// What the rule sets, one by one: `weights.bits` and its value, …
  var decisions: [(setting: String, value: String)] {
    var decisions: [(String, String)] = []
    if let quantize { decisions.append(("quantize", "\(quantize)")) }
    if let trainable { decisions.append(("trainable", "\(trainable)")) }
    for (kind, rule) in [("weights", weights), ("activations", activations)] {
      switch rule {
      case .float: decisions.append((kind, "float"))
      case .settings(let settings):
        var parts = settings.entries.filter { !["observer", "quantizer"].contains($0.key) }
        parts += settings.quantizer.entries.map { ("quantizer.\($0.key)", $0.value) }
        parts += settings.observer.entries.map { ("observer.\($0.key)", $0.value) }
        decisions += parts.map { ("\(kind).\($0.key)", $0.value) }
      case nil: break
      }
    }
    if let quantizeBias { decisions.append(("bias.quantize", "\(quantizeBias)")) }
    return decisions
  }

  /// Whether the rule is about quantization, and not `trainable` alone.
  var concernsQuantization: Bool {
    quantize != nil || weights != nil || activations != nil || quantizeBias != nil
  }

  /// Refuses a rule that says nothing, or one thing and its opposite.
  func validate() throws(Diagnostic) {
    if decisions.isEmpty {
      throw Diagnostic(
        .configuration, "the rule sets nothing",
        hint: "set quantize, trainable, weights, activations or bias")
    }
    if quantize == false, weights != nil || activations != nil || quantizeBias == true {
      throw Diagnostic(
        .configuration, "quantize: false and settings of quantization exclude each other",
        hint: "leave one of them out, or write two rules")
    }
    try match.validate()
    for case (let kind, .settings(let settings)?) in [
      ("weights", weights), ("activations", activations),
    ] {
      try settings.validate(as: kind)
    }
  }
}

extension LayerRule: Equatable {
  /// The same text, wherever it stands.
  public static func == (a: LayerRule, b: LayerRule) -> Bool {
    (a.match, a.quantize, a.trainable, a.quantizeBias)
      == (b.match, b.quantize, b.trainable, b.quantizeBias)
      && a.weights == b.weights && a.activations == b.activations
  }
}

extension LayerRule.TensorRule {
  fileprivate var text: String {
    switch self {
    case .float: "float"
    case .settings(let settings): flowMapping(settings.entries)
    }
  }
}

extension TensorSettings {
  /// Refuses what no base could make right: a contradiction between what is set here.
  func validate(as kind: String) throws(Diagnostic) {
    var base = TensorQuantization()
    // A percentile or momentum alone is right for a base with that observer.
    if observer.kind == nil, observer.percentile != nil { base.observer = .percentile }
    if observer.kind == nil, observer.momentum != nil { base.observer = .movingAverage }
    if quantizer.kind == nil, !quantizer.isEmpty { base.quantizer = .lsq }
    if quantizer.kind == .lsqPlus, scheme == nil { base.scheme = .asymmetric }
    do { _ = try applied(to: base) } catch { throw error.at(kind) }
  }
}
