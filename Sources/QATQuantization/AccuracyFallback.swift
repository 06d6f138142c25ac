import QATConfig
import QATCore
import QATIR
import QATPasses

/// Gives bits back, layer by layer, until a quantized model loses no more accuracy than it may.
///
/// Each round quantizes the model (with or without training: that is the caller's) and measures it. As
/// long as it loses too much, the layer with the most noise at its present width gets the next wider
/// one, and behind the widest it stays in float.
public struct AccuracyFallback: Sendable {
  /// Points of accuracy that the model may lose: 0.5 is half a percent of the samples.
  public var maxDrop: Double
  /// The widths to try in front of float, from narrow to wide.
  public var widths: [LayerWidth]

  /// What one round gave back, and why.
  public struct Step: Sendable, Equatable, CustomStringConvertible {
    /// The name of the layer.
    public var layer: String
    /// `W4A8`, and what it became: `W8A8`, `float`.
    public var from: String, to: String
    /// Of the outputs with this layer alone at its old width, in dB.
    public var sqnr: Double
    /// Points that the model lost before this step.
    public var drop: Double

    public var description: String {
      "\(layer): \(from) -> \(to): the model lost \(fixed(drop, 2)) points, and of all layers this one "
        + "adds the most noise (\(fixed(sqnr, 1)) dB)"
    }
  }

  /// What the search came to.
  public struct Outcome: Sendable {
    /// What the last round quantized by.
    public var config: QuantizationConfig
    /// The quantized model.
    public var graph: Graph
    /// What was given back, in order.
    public var steps: [Step]
    /// 0…1.
    public var floatAccuracy: Double, accuracy: Double
  }

  public init(maxDrop: Double, widths: [LayerWidth] = [LayerWidth(weights: 8, activations: 8)]) {
    self.maxDrop = maxDrop
    self.widths = widths
  }

  /// - Parameters:
  ///   - config: where to start.
  ///   - sensitivities: noises of the layers as configured (width `nil`) and at `widths`; asked for
  ///     once, where the first model loses too much.
  ///   - floatAccuracy: 0…1, on the same data as `accuracy`.
  ///   - quantize: makes the model of a configuration.
  ///   - accuracy: 0…1 of such a model.
  ///   - progress: called with each step before the next round.
  /// - Throws: `configuration` where the drop isn't met with a single quantized layer left; what the
  ///   closures throw.
  public func run(
    from config: QuantizationConfig, floatAccuracy: Double,
    sensitivities: () throws(Diagnostic) -> SensitivityTable,
    quantize: (QuantizationConfig) throws(Diagnostic) -> Graph,
    accuracy: (Graph) throws(Diagnostic) -> Double, progress: (Step) -> Void = { _ in }
  ) throws(Diagnostic) -> Outcome {
    var outcome = Outcome(
      config: config, graph: try quantize(config), steps: [], floatAccuracy: floatAccuracy,
      accuracy: 0)
    outcome.accuracy = try accuracy(outcome.graph)
    guard outcome.drop > maxDrop else { return outcome }
    let table = try sensitivities()
    var ladders = table.layers.map { Ladder(of: $0, in: table, widths) }
    while outcome.drop > maxDrop {
      guard let worst = ladders.worst, let old = ladders[worst].present else {
        throw Diagnostic(
          .configuration, "no layer of the model is quantized", hint: "look at the rules")
      }
      ladders[worst].climb()
      let new = ladders[worst].present
      let step = Step(
        layer: old.layer, from: old.bits, to: new?.bits ?? "float", sqnr: old.sqnr,
        drop: outcome.drop)
      outcome.steps.append(step)
      progress(step)
      guard ladders.worst != nil else {
        throw Diagnostic(
          .configuration,
          "no quantized model loses at most \(fixed(maxDrop, 2)) points: with the last quantized "
            + "layer, '\(step.layer)', it lost \(fixed(step.drop, 2))",
          hint: "allow a larger drop, train with --epochs, or offer more bits")
      }
      if let new {
        outcome.config.setBits(
          of: new.layer, weights: new.weightBits,
          activations: new.width?.activations == nil ? nil : new.activationBits)
      } else {
        outcome.config.leaveInFloat(old.layer)
      }
      outcome.graph = try quantize(outcome.config)
      outcome.accuracy = try accuracy(outcome.graph)
    }
    return outcome
  }
}

extension AccuracyFallback.Outcome {
  /// Points of accuracy lost.
  public var drop: Double { 100 * (floatAccuracy - accuracy) }
}

/// The widths of one layer that are still to come.
private struct Ladder {
  /// As configured, then wider and wider.
  private var rungs: [SensitivityTable.Entry] = []

  init(of layer: String, in table: SensitivityTable, _ widths: [LayerWidth]) {
    for entry in ([nil] + widths).compactMap({ table.entry(layer, $0) }) {
      guard rungs.last.map({ entry.isWider(than: $0) }) ?? true else { continue }
      rungs.append(entry)
    }
  }

  /// `nil` for float.
  var present: SensitivityTable.Entry? { rungs.first }
  mutating func climb() { rungs.removeFirst() }
}

extension [Ladder] {
  /// The quantized layer with the most noise; the first of equal ones.
  fileprivate var worst: Int? {
    indices.filter { self[$0].present != nil }
      .max { (self[$0].present?.noise ?? 0, $1) < (self[$1].present?.noise ?? 0, $0) }
  }
}

extension SensitivityTable.Entry {
  fileprivate func isWider(than other: Self) -> Bool {
    let weights = (weightBits ?? 0) - (other.weightBits ?? 0)
    let activations = (activationBits ?? 0) - (other.activationBits ?? 0)
    return weights >= 0 && activations >= 0 && weights + activations > 0
  }
}
