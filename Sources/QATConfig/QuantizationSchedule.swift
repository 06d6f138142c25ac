import QATCore

/// When something happens in a training: at a step, or where an epoch begins; both from 0.
public enum TrainingPoint: Sendable, Hashable, CustomStringConvertible {
  /// At that step, from 0.
  case step(Int)
  /// Where that epoch begins, from 0.
  case epoch(Int)

  /// The step, where an epoch has so many.
  public func step(stepsPerEpoch: Int) -> Int {
    switch self {
    case .step(let step): step
    case .epoch(let epoch): epoch.multipliedReportingOverflow(by: stepsPerEpoch).partialValue
    }
  }

  /// `500`, `epoch:2`.
  public var description: String {
    switch self {
    case .step(let step): "\(step)"
    case .epoch(let epoch): "epoch:\(epoch)"
    }
  }

  /// Reads what `description` gives; `nil` for anything else.
  public init?(_ text: some StringProtocol) {
    if let step = Int(text), (0..<1 << 40).contains(step) {
      self = .step(step)
    } else if text.hasPrefix("epoch:"), let epoch = Int(text.dropFirst(6)),
      (0..<1 << 30).contains(epoch)
    {
      self = .epoch(epoch)
    } else {
      return nil
    }
  }

  /// The YAML that reads as this point.
  var yaml: String {
    switch self {
    case .step(let step): "\(step)"
    case .epoch(let epoch): flowMapping([("epoch", "\(epoch)")])
    }
  }
}

/// From `start` on, no grid has fewer bits than these; a layer's own bits where it has more.
///
/// Training a 2-bit model through stages of 8, 4, 3 and 2 bits begins each one near a good place.
public struct BitStage: Sendable, Hashable {
  /// When it begins.
  public var start: TrainingPoint
  /// 2…8 or 16.
  public var weights: Int
  /// Likewise: 2…8 or 16.
  public var activations: Int

  /// A stage with as many bits at least for weights, and as many for activations.
  public init(_ start: TrainingPoint, weights: Int, activations: Int) {
    self.start = start
    self.weights = weights
    self.activations = activations
  }

  /// A stage with as many bits at least for both.
  public init(_ start: TrainingPoint, bits: Int) {
    self.init(start, weights: bits, activations: bits)
  }
}

/// What changes in the course of a quantization-aware training. A model carries it as a note.
public struct QuantizationSchedule: Sendable, Hashable, CustomStringConvertible {
  /// The note's name in a graph's metadata.
  public static let key = "qat.schedule"

  /// Steps in float before quantizers round; observers go on.
  public var quantizationDelay = 0
  /// From here on ranges stay; `nil` for never.
  public var observerFreeze: TrainingPoint?
  /// From here on batch-norms keep their running statistics and use them; `nil` for never.
  public var batchNormFreeze: TrainingPoint?
  /// In the order they begin; none trains at the layers' own bits.
  public var stages: [BitStage] = []

  public init() {}

  /// `delay=200 observers=500 batchnorm=epoch:2 bits=w8a8@0,w4a4@epoch:1`; nothing for no schedule.
  public var description: String {
    var words: [String] = []
    if quantizationDelay > 0 { words.append("delay=\(quantizationDelay)") }
    if let observerFreeze { words.append("observers=\(observerFreeze)") }
    if let batchNormFreeze { words.append("batchnorm=\(batchNormFreeze)") }
    if !stages.isEmpty {
      let texts = stages.map { "w\($0.weights)a\($0.activations)@\($0.start)" }
      words.append("bits=\(texts.joined(separator: ","))")
    }
    return words.joined(separator: " ")
  }

  /// Reads what `description` gives.
  ///
  /// - Throws: `syntax`.
  public init(_ text: String) throws(Diagnostic) {
    for word in text.split(separator: " ") {
      let pair = word.split(separator: "=", maxSplits: 1).map(String.init)
      let value = pair.count == 2 ? pair[1] : ""
      switch pair[0] {
      case "delay": quantizationDelay = Int(value) ?? -1
      case "observers": observerFreeze = try Self.point(value, text)
      case "batchnorm": batchNormFreeze = try Self.point(value, text)
      case "bits":
        for stage in value.split(separator: ",") {
          guard let stage = BitStage(stage) else { throw Self.malformed(text) }
          stages.append(stage)
        }
      default: throw Self.malformed(text)
      }
    }
    guard quantizationDelay >= 0 else { throw Self.malformed(text) }
    try validate()
  }

  private static func point(_ value: String, _ text: String) throws(Diagnostic) -> TrainingPoint {
    guard let point = TrainingPoint(value) else { throw malformed(text) }
    return point
  }

  private static func malformed(_ text: String) -> Diagnostic {
    Diagnostic(
      .syntax, "'\(text)' is no schedule", at: key,
      hint: "as in delay=200 observers=500 batchnorm=epoch:2 bits=w8a8@0,w4a4@epoch:1")
  }

  /// - Throws: `configuration` for bits that no grid has, and steps or epochs that go backwards.
  public func validate() throws(Diagnostic) {
    for bits in stages.flatMap({ [$0.weights, $0.activations] })
    where !(2...8).contains(bits) && bits != 16 {
      throw Diagnostic(
        .configuration, "bits: \(bits) is no integer grid", at: "stages", hint: "use 2 to 8, or 16")
    }
    for (a, b) in zip(stages, stages.dropFirst()) {
      switch (a.start, b.start) {
      case (.step(let x), .step(let y)) where y <= x, (.epoch(let x), .epoch(let y)) where y <= x:
        throw Diagnostic(
          .configuration, "the stage at \(b.start) stands behind that at \(a.start)", at: "stages",
          hint: "write stages in the order they begin")
      default: break
      }
    }
  }
}

extension BitStage {
  /// Reads `w8a4@epoch:1`.
  fileprivate init?(_ text: Substring) {
    let parts = text.split(separator: "@", maxSplits: 1)
    guard parts.count == 2, parts[0].first == "w", let start = TrainingPoint(parts[1]) else {
      return nil
    }
    let bits = parts[0].dropFirst().split(separator: "a").map { Int($0) }
    guard bits.count == 2, let weights = bits[0], let activations = bits[1] else { return nil }
    self.init(start, weights: weights, activations: activations)
  }
}
