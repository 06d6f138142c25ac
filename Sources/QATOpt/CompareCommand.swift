import ArgumentParser
import QAT

/// `qat-opt compare A B --data DATA`: how far two models are apart, value by value.
struct CompareCommand: DiagnosedCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare", abstract: "Compare two models, value by value.")

  @Argument(help: "A model.") var first: String
  @Argument(help: "Another one; values go by name.") var second: String
  @Option(help: "Data to run both on; with labels, it tells their accuracies.") var data: String
  @Option(help: "Samples to run; 0 for all.") var limit = 64
  @Flag(help: "Print JSON.") var json = false

  func validate() throws {
    if limit < 0 { throw ValidationError("--limit must be 0 or more") }
  }

  func execute() throws(Diagnostic) {
    let a = try GraphFiles.read(first, registry: QatOpt.tools.ops)
    let b = try GraphFiles.read(second, registry: QatOpt.tools.ops)
    let comparison = try compareQuantized(
      a, b, on: try load(data, for: a, split: .test), samples: limit)
    Terminal.print(json ? comparison.json : comparison.description)
  }
}

extension ModelComparison {
  /// `{"accuracy": [A, B], "count": N, "values": [{"value": …, "sqnr": …, "max": …, "equal": …}]}`;
  /// what is infinite or not known is `null`.
  fileprivate var json: String {
    let entries = values.map { value in
      "{\"value\": \(quoted(value.name)), \"elements\": \(value.comparison.count), "
        + "\"sqnr\": \(jsonNumber(value.comparison.sqnr)), "
        + "\"max\": \(jsonNumber(value.comparison.maxDifference)), "
        + "\"equal\": \(value.comparison.equalShare)}"
    }
    return "{\"accuracy\": [\(jsonNumber(first.accuracy)), \(jsonNumber(second.accuracy))], "
      + "\"count\": \(first.count), \"values\": [\n\(entries.joined(separator: ",\n"))\n]}"
  }
}

/// A number in JSON; `null` for none and for what JSON has no number for.
func jsonNumber(_ number: Double?) -> String {
  guard let number, number.isFinite else { return "null" }
  return "\(number)"
}
