import QATCore

/// Changes to a `TensorQuantization`: only what is set changes.
///
/// A change of scheme brings what goes with it, where nothing else is said: symmetric makes the grid
/// signed, asymmetric makes it full. A change of observer brings that observer's default.
public struct TensorSettings: Sendable, Hashable {
  /// See `TensorQuantization`; `nil`, here and below, leaves what there is.
  public var bits: Int?
  /// Where the code of 0 lies.
  public var scheme: TensorQuantization.Scheme?
  /// Whether the lowest code is left out.
  public var narrow: Bool?
  /// Whether there are codes below 0.
  public var signed: Bool?
  /// What shares a scale.
  public var granularity: TensorQuantization.Granularity?
  /// Where scales come from.
  public var quantizer = QuantizerSettings()
  /// How ranges are found.
  public var observer = ObserverSettings()
  /// Whether scales are rounded up to powers of two.
  public var powerOfTwo: Bool?
  /// The gradient through the rounding.
  public var ste: TensorQuantization.StraightThrough?

  public init(
    bits: Int? = nil, scheme: TensorQuantization.Scheme? = nil, narrow: Bool? = nil,
    signed: Bool? = nil, granularity: TensorQuantization.Granularity? = nil,
    quantizer: QuantizerSettings = QuantizerSettings(),
    observer: ObserverSettings = ObserverSettings(), powerOfTwo: Bool? = nil,
    ste: TensorQuantization.StraightThrough? = nil
  ) {
    self.bits = bits
    self.scheme = scheme
    self.narrow = narrow
    self.signed = signed
    self.granularity = granularity
    self.quantizer = quantizer
    self.observer = observer
    self.powerOfTwo = powerOfTwo
    self.ste = ste
  }

  /// The settings with these changes, checked.
  ///
  /// - Throws: `configuration` where the result contradicts itself.
  public func applied(to base: TensorQuantization) throws(Diagnostic) -> TensorQuantization {
    var result = base
    if let scheme, scheme != base.scheme {
      result.scheme = scheme
      switch scheme {
      case .symmetric: result.signed = true
      case .asymmetric: result.narrow = false
      }
    }
    if signed == false, base.signed { result.narrow = false }
    result.bits = bits ?? result.bits
    result.narrow = narrow ?? result.narrow
    result.signed = signed ?? result.signed
    result.granularity = granularity ?? result.granularity
    result.quantizer = try quantizer.applied(to: result.quantizer)
    result.observer = try observer.applied(to: result.observer)
    result.powerOfTwo = powerOfTwo ?? result.powerOfTwo
    result.ste = ste ?? result.ste
    try result.validate()
    return result
  }

  /// The settings that are set, as YAML text, in the order they print.
  var entries: [(key: String, value: String)] {
    var entries: [(String, String)] = []
    if let bits { entries.append(("bits", "\(bits)")) }
    if let scheme { entries.append(("scheme", scheme.rawValue)) }
    if let narrow { entries.append(("narrow", "\(narrow)")) }
    if let signed { entries.append(("signed", "\(signed)")) }
    if let granularity { entries.append(("granularity", granularity.text)) }
    if !quantizer.isEmpty { entries.append(("quantizer", quantizer.text)) }
    let observer = observer.entries
    if !observer.isEmpty { entries.append(("observer", flowMapping(observer))) }
    if let powerOfTwo {
      entries.append(("scale", (powerOfTwo ? ScaleForm.powerOfTwo : .any).rawValue))
    }
    if let ste { entries.append(("ste", ste.rawValue)) }
    return entries
  }
}

/// What a scale may be, as YAML says it.
enum ScaleForm: String, CaseIterable {
  case any
  case powerOfTwo = "power-of-two"
}

/// Changes to an `ObserverConfig`: only what is set changes.
public struct ObserverSettings: Sendable, Hashable {
  /// `nil`, here and below, leaves what there is.
  public var kind: Kind?
  /// For the moving average alone.
  public var momentum: Double?
  /// For the percentile alone.
  public var percentile: Double?
  /// Looks at every n-th batch.
  public var every: Int?

  /// The observers, without their numbers.
  public enum Kind: String, Sendable, CaseIterable {
    /// The smallest and largest value ever seen.
    case minMax = "minmax"
    /// The average of the batches' ranges.
    case movingAverage = "moving-average"
    /// The three that keep a histogram.
    case percentile, histogram, entropy
  }

  public init(
    kind: Kind? = nil, momentum: Double? = nil, percentile: Double? = nil, every: Int? = nil
  ) {
    self.kind = kind
    self.momentum = momentum
    self.percentile = percentile
    self.every = every
  }

  /// The settings with these changes.
  /// - Throws: `configuration` for a number that the observer has no use for.
  public func applied(to base: ObserverConfig) throws(Diagnostic) -> ObserverConfig {
    let kind = kind ?? base.kind.name
    try refuse(momentum, "momentum", of: .movingAverage, with: kind)
    try refuse(percentile, "percentile", of: .percentile, with: kind)
    var result = base
    result.every = every ?? base.every
    switch kind {
    case .minMax: result.kind = .minMax
    case .movingAverage:
      let kept = base.kind.momentum ?? ObserverConfig.defaultMomentum
      result.kind = .movingAverage(momentum: momentum ?? kept)
    case .percentile:
      let kept = base.kind.percentile ?? ObserverConfig.defaultPercentile
      result.kind = .percentile(percentile ?? kept)
    case .histogram: result.kind = .histogram
    case .entropy: result.kind = .entropy
    }
    return result
  }

  var entries: [(key: String, value: String)] {
    var entries: [(String, String)] = []
    if let kind { entries.append(("kind", kind.rawValue)) }
    if let momentum { entries.append(("momentum", "\(momentum)")) }
    if let percentile { entries.append(("percentile", "\(percentile)")) }
    if let every { entries.append(("every", "\(every)")) }
    return entries
  }

  private func refuse(
    _ value: Double?, _ name: String, of owner: Kind, with kind: Kind
  ) throws(Diagnostic) {
    guard value != nil, kind != owner else { return }
    throw Diagnostic(
      .configuration, "\(name) says nothing to the observer \(kind.rawValue)",
      hint: "set kind: \(owner.rawValue), or leave \(name) out")
  }
}

extension ObserverConfig.Kind {
  /// Which observer it is, without its number.
  public var name: ObserverSettings.Kind {
    switch self {
    case .minMax: .minMax
    case .movingAverage: .movingAverage
    case .percentile: .percentile
    case .histogram: .histogram
    case .entropy: .entropy
    }
  }

  /// The weight of a new batch, for the moving average.
  public var momentum: Double? {
    if case .movingAverage(let momentum) = self { momentum } else { nil }
  }

  /// The share of values kept, in percent, for the percentile.
  public var percentile: Double? { if case .percentile(let share) = self { share } else { nil } }
}

extension TensorSettings {
  /// All settings of `whole`: applied to anything, they give `whole`.
  public init(_ whole: TensorQuantization) {
    let observer = ObserverSettings(
      kind: whole.observer.kind.name, momentum: whole.observer.kind.momentum,
      percentile: whole.observer.kind.percentile, every: whole.observer.every)
    self.init(
      bits: whole.bits, scheme: whole.scheme, narrow: whole.narrow, signed: whole.signed,
      granularity: whole.granularity, quantizer: QuantizerSettings(whole.quantizer),
      observer: observer, powerOfTwo: whole.powerOfTwo,
      ste: whole.ste)
  }
}
