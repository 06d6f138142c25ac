import QATConfig
import QATCore

/// A width for each layer with weights, and what it costs.
public struct BitAssignment: Sendable, Equatable {
  /// What one layer gets.
  public struct Choice: Sendable, Equatable {
    /// The name of the layer.
    public var layer: String
    /// `nil` leaves the layer in float.
    public var width: LayerWidth?
    /// The weight in bytes: its codes packed, 4 bytes an element in float.
    public var bytes: Int
    /// What the layer alone adds to the noise of the outputs: Σ (y - ŷ)² / Σ y².
    public var noise: Double
    /// The signal of the outputs against that noise, in dB.
    public var sqnr: Double { decibels(ofNoise: noise) }
  }

  /// In the order the layers run.
  public var choices: [Choice]

  public init(choices: [Choice]) { self.choices = choices }

  /// Bytes of all weights that take part.
  public var bytes: Int { choices.reduce(0) { $0 + $1.bytes } }
  /// The noises of the layers together: errors of rounding are independent, so their powers add.
  public var noise: Double { choices.reduce(0) { $0 + $1.noise } }
  /// The signal of the outputs against all noises, in dB: an estimate.
  public var sqnr: Double { decibels(ofNoise: noise) }

  /// The configuration with these widths, each by a rule with the layer's name.
  public func applied(to config: QuantizationConfig) -> QuantizationConfig {
    var result = config
    for choice in choices {
      if let width = choice.width {
        result.setBits(of: choice.layer, weights: width.weights, activations: width.activations)
      } else {
        result.leaveInFloat(choice.layer)
      }
    }
    return result
  }
}

extension BitAssignment: CustomStringConvertible {
  /// A line a layer, and the sums.
  public var description: String {
    var rows = [["layer", "bits", "bytes", "SQNR dB"]]
    for choice in choices {
      rows.append([
        choice.layer, choice.width?.description ?? "float", "\(choice.bytes)",
        fixed(choice.sqnr, 1),
      ])
    }
    rows.append(["together", "", "\(bytes)", fixed(sqnr, 1)])
    return table(rows)
  }
}
