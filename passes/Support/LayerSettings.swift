import QATCore
import QATConfig
import QATIR
import QATRewrite

/// How one tensor of a layer is quantized: what the configuration says, in the terms of the ops.
struct TensorSettings: Sendable, Equatable {
  var grid = IntegerGrid.int8
  var isSymmetric = true
  var isPerChannel = false
  /// Input channels that share a scale; 0 where none do.
  var blockSize = 0
  var powerOfTwo = false
  var observer = ObserverKind.minMax
  var momentum: Float = 0.1
  /// The share of values inside, in percent.
  var percentile: Float = 99.99
  var every = 1
  /// Batches after which the range stands; 0 for never.
  var warmupBatches = 0
  var straightThrough = "clipped"
  /// How the scale is learned, where it is.
  var learned: LearnedSettings?

  /// The operation that makes scale and zero point from a range.
  var scaleFromRange: ScaleFromRange {
    ScaleFromRange(
      grid: grid, scheme: isSymmetric ? .symmetric : .asymmetric, powerOfTwo: powerOfTwo)
  }

  /// How the range of an activation follows the batches, or that of a weight, which each batch shows
  /// whole.
  func observe(axis: Int? = nil) -> Observe {
    var observe = Observe(observer, every: every, limit: warmupBatches, axis: axis)
    observe.training = false
    switch observer {
    case .percentile: observe.percentile = percentile
    case .histogram, .entropy:
      observe.grid = grid
      observe.scheme = isSymmetric ? .symmetric : .asymmetric
      observe.powerOfTwo = powerOfTwo
    case .minMax, .movingAverage: observe.momentum = momentum
    }
    return observe
  }

  init(_ settings: TensorQuantization, warmupBatches: Int) throws(Diagnostic) {
    grid = try settings.grid
    isSymmetric = settings.scheme == .symmetric
    powerOfTwo = settings.powerOfTwo
    every = settings.observer.every
    straightThrough = settings.ste.rawValue
    self.warmupBatches = warmupBatches
    learned = LearnedSettings(settings.quantizer)
    switch settings.granularity {
    case .perTensor: isPerChannel = false
    case .perChannel: isPerChannel = true
    case .perGroup(let size): blockSize = size
    }
    switch settings.observer.kind {
    case .minMax, .percentile(100): observer = .minMax
    case .movingAverage(let momentum):
      observer = .movingAverage
      self.momentum = Float(momentum)
    case .percentile(let share):
      observer = .percentile
      percentile = Float(share)
    case .histogram: observer = .histogram
    case .entropy: observer = .entropy
    }
    // Of a handful of weights there is nothing to leave out.
    if blockSize > 0 { observer = .minMax }
  }

  // MARK: - As a note on a node

  /// `i8n symmetric per-channel moving-average momentum=0.1 every=1 warmup=100 ste=clipped`.
  var text: String {
    [
      grid.description, isSymmetric ? "symmetric" : "asymmetric",
      blockSize > 0 ? "per-group=\(blockSize)" : isPerChannel ? "per-channel" : "per-tensor",
      powerOfTwo ? "power-of-two" : nil,
      observer == .percentile ? nil : observer.rawValue,
      observer == .movingAverage ? "momentum=\(momentum)" : nil,
      observer == .percentile ? "percentile=\(percentile)" : nil,
      every == 1 ? nil : "every=\(every)",
      warmupBatches == 0 ? nil : "warmup=\(warmupBatches)",
      straightThrough == "clipped" ? nil : "ste=\(straightThrough)", learned?.text,
    ].compactMap { $0 }.joined(separator: " ")
  }

  init?(text: String) {
    for word in text.split(separator: " ").map(String.init) {
      let pair = word.split(separator: "=", maxSplits: 1).map(String.init)
      switch pair[0] {
      case "symmetric": isSymmetric = true
      case "asymmetric": isSymmetric = false
      case "per-channel": isPerChannel = true
      case "per-tensor": isPerChannel = false
      case "per-group": blockSize = pair.last.flatMap { Int($0) } ?? blockSize
      case "power-of-two": powerOfTwo = true
      case "min-max", "moving-average", "histogram", "entropy":
        observer = ObserverKind(rawValue: word) ?? observer
      case "momentum": momentum = pair.last.flatMap(Float.init) ?? momentum
      case "percentile":
        observer = .percentile
        percentile = pair.last.flatMap(Float.init) ?? percentile
      case "every": every = pair.last.flatMap { Int($0) } ?? every
      case "warmup": warmupBatches = pair.last.flatMap { Int($0) } ?? warmupBatches
      case "ste": straightThrough = pair.last ?? straightThrough
      case "lsq", "lsq+", "pact": learned = LearnedSettings(word)
      case "rate": learned?.rate = pair.last.flatMap(Float.init) ?? 1
      case "decay": learned?.weightDecay = pair.last.flatMap(Float.init) ?? 0
      case "clip": learned?.clip = pair.last.flatMap(Float.init) ?? 0
      default:
        guard let grid = IntegerGrid(word) else { return nil }
        self.grid = grid
      }
    }
  }
}

/// What the configuration says about one node, as `apply-layer-config` noted it there.
struct LayerSettings: Sendable, Equatable {
  var weights: TensorSettings?
  var activations: TensorSettings?
  /// Activations are quantized when running, by their own range.
  var quantizesWhenRunning = false
  var quantizeBias = true
  var trainable = true
  /// The rules that decided, for `inspect`.
  var decidedBy: [String] = []

  var quantize: Bool { weights != nil || activations != nil }

  private static let dynamic = "dynamic"
  private enum Key {
    static let weights = "qat.weights", activations = "qat.activations", bias = "qat.bias"
    static let trainable = "qat.trainable", rules = "qat.rules"
  }

  init(_ layer: ResolvedLayer, warmupBatches: Int) throws(Diagnostic) {
    weights = try layer.weights.map { settings throws(Diagnostic) in
      // The plain range of a weight is that of every step's weight: nothing to warm up.
      let observed = settings.observer.kind != .minMax
      return try TensorSettings(settings, warmupBatches: observed ? warmupBatches : 0)
    }
    activations = try layer.activations.map { settings throws(Diagnostic) in
      guard settings.granularity == .perTensor else {
        throw Diagnostic(
          .unsupported, "activations have one scale per tensor",
          hint: "integer sums over channels need it; leave granularity to the weights")
      }
      return try TensorSettings(settings, warmupBatches: warmupBatches)
    }
    quantizeBias = layer.quantizeBias
    trainable = layer.trainable
    decidedBy = layer.rules.map(\.description)
  }

  /// `nil` for a node without notes.
  init?(metadata: [String: String]) {
    guard let weights = metadata[Key.weights], let activations = metadata[Key.activations] else {
      return nil
    }
    self.weights = weights == "float" ? nil : TensorSettings(text: weights)
    quantizesWhenRunning = activations == Self.dynamic
    self.activations =
      activations == "float" || quantizesWhenRunning ? nil : TensorSettings(text: activations)
    quantizeBias = metadata[Key.bias] != "float"
    trainable = metadata[Key.trainable] != "false"
    decidedBy = metadata[Key.rules]?.split(separator: "\n").map(String.init) ?? []
  }

  /// The notes, by key; `nil` for one that is to be removed.
  var metadata: [String: String?] {
    [
      Key.weights: weights?.text ?? "float",
      Key.activations: activations?.text ?? (quantizesWhenRunning ? Self.dynamic : "float"),
      Key.bias: quantizeBias ? nil : "float", Key.trainable: trainable ? nil : "false",
      Key.rules: decidedBy.isEmpty ? nil : decidedBy.joined(separator: "\n"),
    ]
  }
}
