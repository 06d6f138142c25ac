import QATCore

/// Where the scales of a tensor come from: an observer's range, or training.
public struct QuantizerConfig: Sendable, Hashable {
  /// What is learned.
  public var kind: Kind
  /// The learning rate of learned parameters, as a multiple of that of the weights.
  public var learningRateFactor: Double
  /// Of learned parameters: the share of a parameter that is added to its gradient.
  public var weightDecay: Double
  /// The largest norm of the gradient of one quantizer's parameters; 0 for none.
  public var clip: Double

  /// The methods.
  public enum Kind: String, Sendable, CaseIterable {
    /// Nothing is learned: the observer's range decides.
    case observer
    /// The scale is learned.
    case lsq
    /// The scale and the offset are learned: asymmetric grids.
    case lsqPlus = "lsq+"
    /// The width of the range that is not clipped is learned, and decays.
    case pact
  }

  /// Nothing is learned: an observer finds the range.
  public static let observer = Self(.observer)
  /// The methods with their defaults.
  public static let lsq = Self(.lsq), lsqPlus = Self(.lsqPlus), pact = Self(.pact)
  /// What PACT decays with where nothing else is said.
  public static let defaultPACTDecay = 0.0005

  /// - Parameter weightDecay: `nil` for 0, and for PACT `defaultPACTDecay`.
  public init(
    _ kind: Kind, learningRateFactor: Double = 1, weightDecay: Double? = nil, clip: Double = 0
  ) {
    self.kind = kind
    self.learningRateFactor = learningRateFactor
    self.weightDecay = weightDecay ?? (kind == .pact ? Self.defaultPACTDecay : 0)
    self.clip = clip
  }

  /// The method that learns, where one does.
  public var method: LearnedMethod? { LearnedMethod(rawValue: kind.rawValue) }

  func validate() throws(Diagnostic) {
    for (name, number) in [
      ("learningRateFactor", learningRateFactor), ("weightDecay", weightDecay), ("clip", clip),
    ] where !(number >= 0 && number.isFinite) {
      throw Diagnostic(.configuration, "\(name): \(number) is no factor", hint: "use 0 or more")
    }
  }
}

/// Changes to a `QuantizerConfig`: only what is set changes. Another kind brings its defaults.
public struct QuantizerSettings: Sendable, Hashable {
  /// `nil`, here and below, leaves what there is.
  public var kind: QuantizerConfig.Kind?
  /// See `QuantizerConfig`.
  public var learningRateFactor: Double?
  /// See `QuantizerConfig`.
  public var weightDecay: Double?
  /// See `QuantizerConfig`.
  public var clip: Double?

  public init(
    kind: QuantizerConfig.Kind? = nil, learningRateFactor: Double? = nil,
    weightDecay: Double? = nil,
    clip: Double? = nil
  ) {
    self.kind = kind
    self.learningRateFactor = learningRateFactor
    self.weightDecay = weightDecay
    self.clip = clip
  }

  /// All settings of `whole`.
  public init(_ whole: QuantizerConfig) {
    self.init(kind: whole.kind)
    guard whole.kind != .observer else { return }
    learningRateFactor = whole.learningRateFactor
    weightDecay = whole.weightDecay
    clip = whole.clip
  }

  /// - Throws: `configuration` for settings of learning where nothing is learned.
  public func applied(to base: QuantizerConfig) throws(Diagnostic) -> QuantizerConfig {
    var result = base
    if let kind, kind != base.kind { result = QuantizerConfig(kind) }
    if result.kind == .observer, let (name, _) = entries.first(where: { $0.key != "kind" }) {
      throw Diagnostic(
        .configuration, "\(name) says nothing to the quantizer observer",
        hint: "set kind: lsq, lsq+ or pact, or leave \(name) out")
    }
    result.learningRateFactor = learningRateFactor ?? result.learningRateFactor
    result.weightDecay = weightDecay ?? result.weightDecay
    result.clip = clip ?? result.clip
    try result.validate()
    return result
  }

  var isEmpty: Bool { entries.isEmpty }

  /// `lsq`, or `{kind: lsq, clip: 1.0}`.
  var text: String {
    if let kind, entries.count == 1 { return kind.rawValue }
    return flowMapping(entries)
  }

  var entries: [(key: String, value: String)] {
    var entries: [(String, String)] = []
    if let kind { entries.append(("kind", kind.rawValue)) }
    if let learningRateFactor { entries.append(("learningRateFactor", "\(learningRateFactor)")) }
    if let weightDecay { entries.append(("weightDecay", "\(weightDecay)")) }
    if let clip { entries.append(("clip", "\(clip)")) }
    return entries
  }
}
