import QATCore

/// The named configurations.
///
/// | preset | bits | weights | activations | observer | warm-up batches |
/// |---|---|---|---|---|---|
/// | `recommended` | 8 | symmetric narrow, per channel | asymmetric uint8, per tensor | moving average | 100 |
/// | `post-training` | 8 | symmetric narrow, per channel | asymmetric uint8, per tensor | percentile 99.999 | 100 |
/// | `default` | 8 | symmetric, per tensor | symmetric, per tensor | moving average | 100 |
/// | `mobile-optimized` | 8 | asymmetric, per channel | asymmetric, per tensor | moving average | 200 |
/// | `int4-aggressive` | 4, weights only | symmetric, per channel | float | percentile | 500 |
///
/// The observer of the first four is that of activations. Their weights take min-max: a weight is
/// seen whole at every step, and an average over steps would lag behind it.
extension QuantizationConfig {
  /// The names of the presets.
  public enum Preset: String, Sendable, CaseIterable {
    /// `recommended`: exact on integer kernels. `default`: one grid a tensor.
    case recommended, `default`
    /// `recommended` for a model that is not trained after: no range is stretched by a few values.
    case postTraining = "post-training"
    /// Asymmetric, per channel: for mobile runtimes.
    case mobileOptimized = "mobile-optimized"
    /// Weights of 4 bits, everything else in float.
    case int4Aggressive = "int4-aggressive"
  }

  /// The configuration of a preset.
  public init(_ preset: Preset) {
    switch preset {
    case .recommended: self = .recommended
    case .postTraining: self = .postTraining
    case .default: self = .default
    case .mobileOptimized: self = .mobileOptimized
    case .int4Aggressive: self = .int4Aggressive
    }
  }

  /// By the name that YAML and the command use.
  ///
  /// - Throws: `unknown-name`.
  public init(presetNamed name: String) throws(Diagnostic) {
    guard let preset = Preset(rawValue: name) else {
      throw Diagnostic(
        .unknownName, "there is no preset '\(name)'",
        hint: nameHint(name, among: Preset.allCases.map(\.rawValue)))
    }
    self.init(preset)
  }

  /// What the command does when nothing else is said: exact on ONNX Runtime's integer kernels.
  public static let recommended = Self(
    weights: TensorQuantization(narrow: true, granularity: .perChannel),
    activations: TensorQuantization(scheme: .asymmetric, signed: false, observer: .movingAverage))

  /// `recommended` without training: the outermost 0.0005 % of an activation at each end do not set its
  /// range. Training moves ranges by itself; rounding alone gains 1 to 6 dB on real networks.
  public static let postTraining = Self(
    weights: TensorQuantization(narrow: true, granularity: .perChannel),
    activations: TensorQuantization(
      scheme: .asymmetric, signed: false, observer: ObserverConfig(.percentile(99.999))))

  /// The simplest: one symmetric int8 grid a tensor.
  public static let `default` = Self(
    weights: TensorQuantization(), activations: TensorQuantization(observer: .movingAverage))

  /// Asymmetric grids for weights too, per channel, and a longer warm-up.
  public static let mobileOptimized = Self(
    weights: TensorQuantization(scheme: .asymmetric, granularity: .perChannel),
    activations: TensorQuantization(scheme: .asymmetric, signed: false, observer: .movingAverage),
    warmupBatches: 200)

  /// Small files: 4-bit weights, everything else in float.
  public static let int4Aggressive = Self(
    weights: TensorQuantization(bits: 4, granularity: .perChannel, observer: .percentile),
    activations: nil, warmupBatches: 500)
}
