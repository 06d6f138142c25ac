import QATCore

/// How a model is quantized: the defaults for all layers, and rules for some.
///
/// The same structure as the YAML file; `init(yaml:)` reads it and `yaml` writes it.
///
///     var config = QuantizationConfig.recommended
///     config.activations?.observer = .init(.percentile(99.9))
///     config.layers = [LayerRule(.first, quantize: false)]
public struct QuantizationConfig: Sendable, Equatable {
  /// `nil` leaves weights in float.
  public var weights: TensorQuantization?
  /// `nil` leaves activations in float.
  public var activations: TensorQuantization?
  /// Biases are int32 with scale `s_x·s_w`, in training too; `false` leaves them in float.
  public var quantizeBias: Bool
  /// Batches that observers see before fake-quantization starts to count on their ranges.
  public var warmupBatches: Int
  /// Training steps in float before fake-quantization begins.
  public var quantizationDelay: Int
  /// From here on ranges stay; `nil` for where `warmupBatches` ends.
  public var observerFreeze: TrainingPoint?
  /// From here on batch-norms keep their running statistics and use them; `nil` for never.
  public var batchNormFreeze: TrainingPoint?
  /// Bits that training passes through on the way to the layers' own.
  public var stages: [BitStage]
  /// Later rules win; a rule that matches nothing is an error.
  public var layers: [LayerRule]

  public init(
    weights: TensorQuantization?, activations: TensorQuantization?, quantizeBias: Bool = true,
    warmupBatches: Int = 100, quantizationDelay: Int = 0, observerFreeze: TrainingPoint? = nil,
    batchNormFreeze: TrainingPoint? = nil, stages: [BitStage] = [], layers: [LayerRule] = []
  ) {
    self.weights = weights
    self.activations = activations
    self.quantizeBias = quantizeBias
    self.warmupBatches = warmupBatches
    self.quantizationDelay = quantizationDelay
    self.observerFreeze = observerFreeze
    self.batchNormFreeze = batchNormFreeze
    self.stages = stages
    self.layers = layers
  }

  /// What changes in the course of a training: what a prepared model carries.
  public var schedule: QuantizationSchedule {
    var schedule = QuantizationSchedule()
    schedule.quantizationDelay = quantizationDelay
    schedule.observerFreeze = observerFreeze
    schedule.batchNormFreeze = batchNormFreeze
    schedule.stages = stages
    return schedule
  }

  /// Refuses contradictions that need no model to be seen.
  ///
  /// - Throws: `configuration`.
  public func validate() throws(Diagnostic) {
    for case (let kind, let tensor?) in [("weights", weights), ("activations", activations)] {
      do { try tensor.validate() } catch { throw error.at(kind) }
    }
    if warmupBatches < 0 || quantizationDelay < 0 {
      throw Diagnostic(
        .configuration, "warmupBatches: \(warmupBatches), quantizationDelay: \(quantizationDelay)",
        hint: "counts are 0 or more")
    }
    try schedule.validate()
    for (index, rule) in layers.enumerated() {
      do { try rule.validate() } catch { throw rule.placing(error, index) }
    }
    try checkContradictions()
  }

  /// Two rules with one match that set one thing differently: the earlier one says nothing.
  private func checkContradictions() throws(Diagnostic) {
    // What rules of the same match have set so far, and the first one that did.
    var known: [String: [String: (value: String, index: Int)]] = [:]
    for (index, rule) in layers.enumerated() {
      let match = rule.match.yaml
      for (setting, value) in rule.decisions {
        let (other, earlier) = known[match, default: [:]][setting, default: (value, index)]
        known[match, default: [:]][setting] = (other, earlier)
        guard other != value else { continue }
        let contradiction = Diagnostic(
          .configuration,
          "\(setting) is \(other) in rule \(earlier + 1) and \(value) in rule \(index + 1), "
            + "both for \(match)",
          hint: "keep one of them")
        throw rule.placing(contradiction, index)
      }
    }
  }
}

extension QuantizationConfig {
  /// Refuses an earlier rule that says nothing because of a later one: on every layer it matches, the
  /// later one sets the same thing otherwise, and the later one is the wider of the two (a wider kind
  /// of match, or more layers by the same kind). The other order, first the wide and then the narrow,
  /// is what rules are for.
  ///
  /// - Parameter matches: the layers that each rule matches.
  func checkOverrides(_ matches: [Set<Int>]) throws(Diagnostic) {
    for (index, rule) in layers.enumerated() {
      for (earlierIndex, earlier) in layers[..<index].enumerated() {
        let narrow = matches[earlierIndex], wide = matches[index]
        guard (earlier.match.breadth, narrow.count) < (rule.match.breadth, wide.count),
          narrow.isSubset(of: wide),
          let (old, new) = rule.undoing(earlier)
        else { continue }
        let conflict = Diagnostic(
          .configuration,
          "rule \(earlierIndex + 1) (\(earlier.match.yaml)\(earlier.place.map { ", \($0)" } ?? "")) "
            + "sets \(old), and rule \(index + 1) (\(rule.match.yaml)) sets \(new) on all its layers",
          hint: "later rules win: put the wider rule first, or keep one of them")
        throw rule.placing(conflict, index)
      }
    }
  }
}

extension LayerRule {
  /// A setting of an earlier rule that this one sets otherwise: both, as `KEY: VALUE`.
  fileprivate func undoing(_ earlier: LayerRule) -> (old: String, new: String)? {
    for (key, value) in decisions {
      for (oldKey, old) in earlier.decisions
      where key == oldKey
        ? value != old : key.hasPrefix("\(oldKey).") || oldKey.hasPrefix("\(key).")
      {
        return ("\(oldKey): \(old)", "\(key): \(value)")
      }
    }
    return nil
  }

  /// The diagnostic at this rule: its place in the file, or its number.
  func placing(_ error: Diagnostic, _ index: Int) -> Diagnostic {
    error.at(place ?? "rule \(index + 1) \(self)")
  }
}
