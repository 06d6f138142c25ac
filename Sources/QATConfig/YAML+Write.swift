import QATCore

extension QuantizationConfig: CustomStringConvertible {
  /// The configuration as canonical YAML: everything is said, so nothing depends on a preset, and
  /// reading it gives an equal configuration.
  public var yaml: String {
    var lines = [
      "weights: \(weights.map { flowMapping(TensorSettings($0).entries) } ?? "float")",
      "activations: \(activations.map { flowMapping(TensorSettings($0).entries) } ?? "float")",
      "bias: \(flowMapping([("quantize", "\(quantizeBias)")]))",
      "warmupBatches: \(warmupBatches)",
      "quantizationDelay: \(quantizationDelay)",
    ]
    if let observerFreeze { lines.append("freezeObservers: \(observerFreeze.yaml)") }
    if let batchNormFreeze { lines.append("freezeBatchNorm: \(batchNormFreeze.yaml)") }
    if !stages.isEmpty { lines.append("stages:") }
    for stage in stages {
      let start: (String, String) =
        switch stage.start {
        case .step(let step): ("step", "\(step)")
        case .epoch(let epoch): ("epoch", "\(epoch)")
        }
      let entries = [
        start, ("weights", "\(stage.weights)"), ("activations", "\(stage.activations)"),
      ]
      lines.append("  - \(flowMapping(entries))")
    }
    if !layers.isEmpty { lines.append("layers:") }
    for rule in layers {
      lines.append("  - match: \(rule.match.yaml)")
      lines += rule.entries.map { "    \($0.key): \($0.value)" }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  public var description: String { yaml }
}

extension TensorQuantization.Granularity {
  /// `per-tensor`, `per-channel`, `{per-group: 32}`.
  var text: String {
    switch self {
    case .perTensor: "per-tensor"
    case .perChannel: "per-channel"
    case .perGroup(let blockSize): flowMapping([("per-group", "\(blockSize)")])
    }
  }
}

/// `{a: 1, b: 2}`; the values are YAML already.
func flowMapping(_ entries: [(key: String, value: String)]) -> String {
  "{\(entries.map { "\($0.key): \($0.value)" }.joined(separator: ", "))}"
}

/// A string as YAML: plain where that reads back as the same string, else in double quotes.
func yamlString(_ text: String) -> String {
  let isPlain =
    text.first?.isLetter == true
    && text.allSatisfy { character in
      character.isASCII && (character.isLetter || character.isNumber || "_-./<".contains(character))
    }
  // Words and numbers that YAML reads as something else.
  let isReserved = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
    .contains(text.lowercased())
  if isPlain, !isReserved { return text }
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case _
    where scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
      || [0x2028, 0x2029, 0xfeff].contains(scalar.value):
      let digits = String(scalar.value, radix: 16)
      result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
