import QATCore

/// How the tensors of one kind (weights or activations) become codes.
public struct TensorQuantization: Sendable, Hashable {
  /// 2…8 or 16.
  public var bits: Int
  /// Where the code of 0 lies.
  public var scheme: Scheme
  /// Drops the lowest code, so that a signed grid is symmetric (int8: -127…127).
  public var narrow: Bool
  /// Codes below 0. A symmetric unsigned grid has zero point 0 and holds no negative values.
  public var signed: Bool
  /// What shares a scale.
  public var granularity: Granularity
  /// Where scales come from; the observer's range is what learning begins with.
  public var quantizer: QuantizerConfig
  /// How ranges are found.
  public var observer: ObserverConfig
  /// Rounds scales up to powers of two, for hardware that shifts.
  public var powerOfTwo: Bool
  /// The gradient through the rounding.
  public var ste: StraightThrough

  /// Where the code of 0 lies.
  public enum Scheme: String, Sendable, CaseIterable {
    /// Zero point 0.
    case symmetric
    /// The zero point is where 0 falls in the range, which is widened to hold 0.
    case asymmetric
  }

  /// What shares one scale and zero point.
  public enum Granularity: Sendable, Hashable {
    /// One scale for the tensor.
    case perTensor
    /// Each output channel of a weight, each channel of an activation.
    case perChannel
    /// Each run of `blockSize` input channels; the last may be shorter.
    case perGroup(blockSize: Int)
  }

  /// What the gradient of rounding is taken for.
  public enum StraightThrough: String, Sendable, CaseIterable {
    /// `dy` where the code was inside the grid before saturation, else 0.
    case clipped
    /// `dy` everywhere.
    case plain
  }

  public init(
    bits: Int = 8, scheme: Scheme = .symmetric, narrow: Bool = false, signed: Bool = true,
    granularity: Granularity = .perTensor, quantizer: QuantizerConfig = .observer,
    observer: ObserverConfig = .init(.minMax),
    powerOfTwo: Bool = false, ste: StraightThrough = .clipped
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

  /// The codes these settings allow.
  ///
  /// - Throws: `invalid-option` for a number of bits that is not 2…8 or 16.
  public var grid: IntegerGrid {
    get throws(Diagnostic) { try IntegerGrid(bits: bits, signed: signed, narrow: narrow) }
  }

  /// Refuses settings that contradict each other or lie outside their range.
  ///
  /// - Throws: `configuration`.
  public func validate() throws(Diagnostic) {
    func refuse(_ message: String, _ hint: String) -> Diagnostic {
      Diagnostic(.configuration, message, hint: hint)
    }
    guard (2...8).contains(bits) || bits == 16 else {
      throw refuse("bits: \(bits) is no integer grid", "use 2 to 8, or 16")
    }
    if narrow, scheme == .asymmetric {
      throw refuse("narrow and asymmetric exclude each other", "narrow serves symmetric grids")
    }
    if narrow, !signed {
      throw refuse("narrow and unsigned exclude each other", "narrow makes a signed grid symmetric")
    }
    if case .entropy = observer.kind, bits > 8 {
      throw refuse("entropy over \(bits) bits", "it is for 8 bits and fewer; use minmax")
    }
    if case .perGroup(let blockSize) = granularity, blockSize < 1 {
      throw refuse("per-group: \(blockSize) is no block size", "as in granularity: {per-group: 32}")
    }
    try observer.validate()
    try quantizer.validate()
    guard let method = quantizer.method else { return }
    if method == .lsqPlus, scheme == .symmetric {
      throw refuse("lsq+ and symmetric exclude each other", "set scheme: asymmetric, or lsq")
    }
    if powerOfTwo {
      throw refuse(
        "powerOfTwo and \(method.rawValue) exclude each other", "learned scales are free")
    }
    if ste != .clipped {
      throw refuse(
        "ste: \(ste.rawValue) says nothing to the quantizer \(method.rawValue)", "leave ste out")
    }
  }
}

/// How the range of a tensor is found.
public struct ObserverConfig: Sendable, Hashable {
  /// Which observer, with its number.
  public var kind: Kind
  /// Looks at every n-th batch; 1 looks at all.
  public var every: Int

  /// The observers.
  public enum Kind: Sendable, Hashable {
    /// The smallest and largest value ever seen.
    case minMax
    /// `range += momentum · (batch's range - range)`, starting from the first batch's; 0 < momentum ≤ 1.
    case movingAverage(momentum: Double)
    /// The range that holds this share of the values, in percent: 50 < percentile ≤ 100.
    case percentile(Double)
    /// The range with the least squared error over a histogram, on the grid and scheme at hand.
    case histogram
    /// The range whose codes lose the least information (Kullback-Leibler divergence): 8 bits and fewer.
    case entropy
  }

  /// The weight of a new batch, where none is given.
  public static let defaultMomentum = 0.1
  /// The share of values kept, in percent, where none is given.
  public static let defaultPercentile = 99.99

  /// The moving average with its default momentum.
  public static let movingAverage = Self(.movingAverage(momentum: defaultMomentum))
  /// The percentile with its default share.
  public static let percentile = Self(.percentile(defaultPercentile))

  /// An observer that looks at every n-th batch.
  public init(_ kind: Kind, every: Int = 1) {
    self.kind = kind
    self.every = every
  }

  func validate() throws(Diagnostic) {
    if every < 1 {
      throw Diagnostic(
        .configuration, "every: \(every) looks at no batch", hint: "every: 1 looks at all")
    }
    switch kind {
    case .movingAverage(let momentum) where !(momentum > 0 && momentum <= 1):
      throw Diagnostic(
        .configuration, "momentum: \(momentum) is outside 0…1",
        hint: "it is the weight of the new batch, as in 0.1")
    case .percentile(let share) where !(share > 50 && share <= 100):
      throw Diagnostic(
        .configuration, "percentile: \(share) is not above 50 and up to 100",
        hint: "it is the share of values to keep, in percent, as in 99.99")
    default: break
    }
  }
}
