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
  var every = 1
  /// Batches after which the range stands; 0 for never.
  var warmupBatches = 0
  var straightThrough = "clipped"

  /// The operation that makes scale and zero point from a range.
  var scaleFromRange: ScaleFromRange {
    ScaleFromRange(
      grid: grid, scheme: isSymmetric ? .symmetric : .asymmetric, powerOfTwo: powerOfTwo)
  }

  /// - Throws: `unsupported` for an observer that no operation has yet.
  init(_ settings: TensorQuantization, warmupBatches: Int) throws(Diagnostic) {
    grid = try settings.grid
    isSymmetric = settings.scheme == .symmetric
    powerOfTwo = settings.powerOfTwo
    every = settings.observer.every
    straightThrough = settings.ste.rawValue
    self.warmupBatches = warmupBatches
    switch settings.granularity {
    case .perTensor: isPerChannel = false
    case .perChannel: isPerChannel = true
    case .perGroup(let size): blockSize = size
    }
    switch settings.observer.kind {
    case .minMax: observer = .minMax
    case .movingAverage(let momentum):
      observer = .movingAverage
      self.momentum = Float(momentum)
    case .percentile(100): observer = .minMax
    case .percentile, .histogram, .entropy:
      throw Diagnostic(
        .unsupported, "the observer \(settings.observer.kind) is not supported",
        hint: "use minmax or moving-average")
    }
  }

  // MARK: - As a note on a node

  /// `i8n symmetric per-channel moving-average momentum=0.1 every=1 warmup=100 ste=clipped`.
  var text: String {
    [
      grid.description, isSymmetric ? "symmetric" : "asymmetric",
      blockSize > 0 ? "per-group=\(blockSize)" : isPerChannel ? "per-channel" : "per-tensor",
      powerOfTwo ? "power-of-two" : nil,
      observer.rawValue,
      observer == .movingAverage ? "momentum=\(momentum)" : nil,
      every == 1 ? nil : "every=\(every)",
      warmupBatches == 0 ? nil : "warmup=\(warmupBatches)",
      straightThrough == "clipped" ? nil : "ste=\(straightThrough)",
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
      case "min-max", "moving-average": observer = ObserverKind(rawValue: word) ?? observer
      case "momentum": momentum = pair.last.flatMap(Float.init) ?? momentum
      case "every": every = pair.last.flatMap { Int($0) } ?? every
      case "warmup": warmupBatches = pair.last.flatMap { Int($0) } ?? warmupBatches
      case "ste": straightThrough = pair.last ?? straightThrough
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
      try TensorSettings(settings, warmupBatches: 0)
    }
    activations = try layer.activations.map { settings throws(Diagnostic) in
      if case .perGroup = settings.granularity {
        throw Diagnostic(
          .unsupported, "activations have no scales per group", hint: "groups are for weights")
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
