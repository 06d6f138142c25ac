import QATCore

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension QuantizationConfig {
  /// Reads a YAML file.
  ///
  /// - Parameter preset: the one that is changed where the file names none.
  /// - Throws: as `init(yaml:file:preset:)`, and `io` where the file can't be read.
  public init(contentsOf path: String, preset: Preset = .recommended) throws(Diagnostic) {
    try self.init(
      yaml: try YAMLReader.text(of: path, "the configuration"), file: path, preset: preset)
  }

  /// Each rule is compared with each: more of them would take minutes.
  private static let mostRules = 10_000

  /// Reads YAML: changes to a preset.
  ///
  /// - Parameters:
  ///   - file: the name to show in messages.
  ///   - preset: the one where the text names none.
  /// - Throws: `syntax` for what is no YAML or has a value of the wrong kind, `unknown-name` for keys
  ///   and words that mean nothing, `configuration` for settings that exclude each other; each with
  ///   file, line and column.
  public init(
    yaml: String, file: String = "config", preset: Preset = .recommended
  ) throws(Diagnostic) {
    let reader = YAMLReader(file: file)
    guard let root = try reader.compose(yaml) else {
      self.init(preset)
      return
    }
    let keys = try reader.mapping(
      root,
      [
        "preset", "weights", "activations", "bias", "warmupBatches", "quantizationDelay",
        "freezeObservers", "freezeBatchNorm", "stages", "layers",
      ])
    let named = try keys["preset"].map { node throws(Diagnostic) in
      try reader.word(node, of: Preset.self, "preset")
    }
    self.init(named ?? preset)
    let defaults = Self.recommended
    if let node = keys["weights"] {
      weights = try reader.tensor(node, base: weights ?? defaults.weights)
    }
    if let node = keys["activations"] {
      activations = try reader.tensor(node, base: activations ?? defaults.activations)
    }
    if let node = keys["bias"] { quantizeBias = try reader.bias(node) ?? quantizeBias }
    if let node = keys["warmupBatches"] { warmupBatches = try reader.count(node) }
    if let node = keys["quantizationDelay"] { quantizationDelay = try reader.count(node) }
    if let node = keys["freezeObservers"] { observerFreeze = try reader.point(node) }
    if let node = keys["freezeBatchNorm"] { batchNormFreeze = try reader.point(node) }
    if let node = keys["stages"] {
      for stage in try reader.sequence(node) { stages.append(try reader.stage(stage)) }
    }
    if let node = keys["layers"] {
      let rules = try reader.sequence(node)
      guard rules.count <= Self.mostRules else {
        throw reader.error(
          node, .configuration, "\(rules.count) rules for layers",
          "a rule may match many layers: at most \(Self.mostRules) are read")
      }
      for rule in rules { layers.append(try reader.rule(rule)) }
    }
    do { try validate() } catch {
      // A rule knows its place in the file, and says it first.
      throw error.place?.hasPrefix("\(file):") == true ? error : error.at(file)
    }
  }
}

extension YAMLReader {
  /// The text of a file.
  /// - Throws: `io` where it can't be read, `syntax` where it is no text or larger than `limit` bytes.
  static func text(
    of path: String, _ what: String, limit: Int = 1 << 20
  ) throws(Diagnostic) -> String {
    let data: Data
    do { data = try Data(contentsOf: URL(filePath: path)) } catch {
      throw Diagnostic(
        .io, "\(what) can't be read", at: path, hint: "check the path and its permissions")
    }
    guard data.count <= limit, let text = String(validating: data, as: UTF8.self) else {
      throw Diagnostic(
        .syntax, "\(what) has more than \(limit >> 20) MiB, or is not UTF-8", at: path,
        hint: "give a YAML file")
    }
    return text
  }

  /// A tensor's settings, applied to `base`, or `float`.
  fileprivate func tensor(
    _ node: YAMLNode, base: TensorQuantization?
  ) throws(Diagnostic) -> TensorQuantization? {
    guard case .settings(let settings) = try tensorRule(node) else { return nil }
    do { return try settings.applied(to: base ?? TensorQuantization()) } catch {
      throw error.at(place(node))
    }
  }

  fileprivate func rule(_ node: YAMLNode) throws(Diagnostic) -> LayerRule {
    let keys = try mapping(
      node,
      [
        "match", "op", "quantize", "trainable", "weights", "activations", "bias",
      ])
    var rule = LayerRule(try selector(keys, of: node))
    rule.place = place(node)
    if let node = keys["quantize"] { rule.quantize = try bool(node) }
    if let node = keys["trainable"] { rule.trainable = try bool(node) }
    if let node = keys["weights"] { rule.weights = try tensorRule(node) }
    if let node = keys["activations"] { rule.activations = try tensorRule(node) }
    if let node = keys["bias"] { rule.quantizeBias = try bias(node) }
    return rule
  }

  /// `match: TEXT`, `match: {name: TEXT}`, or `op: NAME` in its place.
  private func selector(_ keys: [String: YAMLNode], of rule: YAMLNode) throws(Diagnostic)
    -> LayerSelector
  {
    if let op = keys["op"] {
      guard keys["match"] == nil else {
        throw error(
          op, .configuration, "match and op in one rule", "write match: \"op: NAME\" alone")
      }
      return .op(try string(op))
    }
    guard let match = keys["match"] else {
      throw error(
        rule, .configuration, "the rule has no match", "as in match: first, or match: \"conv*\"")
    }
    do throws(Diagnostic) {
      guard case .mapping = match.content else { return try LayerSelector(try string(match)) }
      let forms = try mapping(match, ["name", "glob", "regex", "op"])
      guard forms.count == 1, let (form, node) = forms.first else {
        throw error(match, .syntax, "one way to match is needed", "as in {regex: \"conv.*\"}")
      }
      let text = try string(node)
      switch form {
      case "name": return .name(text)
      case "glob": return .glob(text)
      case "regex": return .regex(text)
      default: return .op(text)
      }
    } catch { throw error.place == nil ? error.at(place(match)) : error }
  }

  private func tensorRule(_ node: YAMLNode) throws(Diagnostic) -> LayerRule.TensorRule {
    if case .scalar(let text) = node.content {
      guard text == "float" else {
        throw error(
          node, .syntax, "'\(text)' is no setting of a tensor",
          "write float, or {bits: 8, …}")
      }
      return .float
    }
    let keys = try mapping(
      node,
      [
        "bits", "scheme", "narrow", "signed", "granularity", "quantizer", "observer", "scale",
        "ste",
      ])
    var settings = TensorSettings()
    if let node = keys["bits"] { settings.bits = try integer(node) }
    if let node = keys["scheme"] {
      settings.scheme = try word(node, of: TensorQuantization.Scheme.self, "scheme")
    }
    if let node = keys["narrow"] { settings.narrow = try bool(node) }
    if let node = keys["signed"] { settings.signed = try bool(node) }
    if let node = keys["granularity"] { settings.granularity = try granularity(node) }
    if let node = keys["quantizer"] { settings.quantizer = try quantizer(node) }
    if let node = keys["observer"] { settings.observer = try observer(node) }
    if let node = keys["scale"] {
      settings.powerOfTwo = try word(node, of: ScaleForm.self, "form of scale") == .powerOfTwo
    }
    if let node = keys["ste"] {
      settings.ste = try word(node, of: TensorQuantization.StraightThrough.self, "ste")
    }
    return .settings(settings)
  }

  private func granularity(_ node: YAMLNode) throws(Diagnostic) -> TensorQuantization.Granularity {
    if case .mapping = node.content {
      guard let size = try mapping(node, ["per-group"])["per-group"] else {
        throw error(node, .syntax, "no granularity", "as in {per-group: 32}")
      }
      return .perGroup(blockSize: try integer(size))
    }
    let text = try string(node)
    switch text {
    case "per-tensor": return .perTensor
    case "per-channel": return .perChannel
    case "per-group":
      throw error(node, .syntax, "per-group needs its block size", "as in {per-group: 32}")
    default:
      throw error(
        node, .unknownName, "there is no granularity '\(text)'",
        nameHint(text, among: ["per-tensor", "per-channel", "per-group"]))
    }
  }

  /// `{kind: percentile, percentile: 99.9}`, or the kind alone.
  private func observer(_ node: YAMLNode) throws(Diagnostic) -> ObserverSettings {
    if case .scalar = node.content {
      return ObserverSettings(kind: try word(node, of: ObserverSettings.Kind.self, "observer"))
    }
    let keys = try mapping(node, ["kind", "momentum", "percentile", "every"])
    var settings = ObserverSettings()
    if let node = keys["kind"] {
      settings.kind = try word(node, of: ObserverSettings.Kind.self, "observer")
    }
    if let node = keys["momentum"] { settings.momentum = try number(node) }
    if let node = keys["percentile"] { settings.percentile = try number(node) }
    if let node = keys["every"] { settings.every = try integer(node) }
    return settings
  }

  /// `{kind: lsq, clip: 1}`, or the kind alone.
  private func quantizer(_ node: YAMLNode) throws(Diagnostic) -> QuantizerSettings {
    if case .scalar = node.content {
      return QuantizerSettings(kind: try word(node, of: QuantizerConfig.Kind.self, "quantizer"))
    }
    let keys = try mapping(node, ["kind", "learningRateFactor", "weightDecay", "clip"])
    var settings = QuantizerSettings()
    if let node = keys["kind"] {
      settings.kind = try word(node, of: QuantizerConfig.Kind.self, "quantizer")
    }
    if let node = keys["learningRateFactor"] { settings.learningRateFactor = try number(node) }
    if let node = keys["weightDecay"] { settings.weightDecay = try number(node) }
    if let node = keys["clip"] { settings.clip = try number(node) }
    return settings
  }

  fileprivate func bias(_ node: YAMLNode) throws(Diagnostic) -> Bool? {
    let keys = try mapping(node, ["quantize"])
    guard let node = keys["quantize"] else { return nil }
    return try bool(node)
  }

  /// `500`, `{step: 500}`, `{epoch: 2}`.
  fileprivate func point(_ node: YAMLNode) throws(Diagnostic) -> TrainingPoint {
    if case .scalar = node.content { return .step(try count(node)) }
    let keys = try mapping(node, ["step", "epoch"])
    guard let point = try point(keys, of: node) else {
      throw error(node, .syntax, "neither a step nor an epoch", "as in 500, or {epoch: 2}")
    }
    return point
  }

  private func point(
    _ keys: [String: YAMLNode], of node: YAMLNode
  ) throws(Diagnostic) -> TrainingPoint? {
    switch (keys["step"], keys["epoch"]) {
    case (nil, nil): return nil
    case (let step?, nil): return .step(try count(step))
    case (nil, let epoch?): return .epoch(try count(epoch))
    default: throw error(node, .configuration, "both a step and an epoch", "keep one of them")
    }
  }

  /// `{epoch: 1, bits: 4}`, `{step: 500, weights: 2, activations: 4}`; the first begins at once.
  fileprivate func stage(_ node: YAMLNode) throws(Diagnostic) -> BitStage {
    let keys = try mapping(node, ["step", "epoch", "bits", "weights", "activations"])
    let bits = try keys["bits"].map { node throws(Diagnostic) in try integer(node) }
    let weights = try keys["weights"].map { node throws(Diagnostic) in try integer(node) }
    let activations = try keys["activations"].map { node throws(Diagnostic) in try integer(node) }
    guard let weights = weights ?? bits, let activations = activations ?? bits else {
      throw error(node, .configuration, "the stage has no bits", "as in {epoch: 1, bits: 4}")
    }
    return BitStage(
      try point(keys, of: node) ?? .step(0), weights: weights, activations: activations)
  }

  /// A number of batches or steps.
  fileprivate func count(_ node: YAMLNode) throws(Diagnostic) -> Int {
    let count = try integer(node)
    guard count >= 0 else {
      throw error(node, .configuration, "\(count) is no count", "use 0 or more")
    }
    return count
  }
}
