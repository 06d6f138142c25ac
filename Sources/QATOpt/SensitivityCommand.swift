import ArgumentParser
import QAT

/// `qat-opt sensitivity MODEL --data DATA`: quantizes one layer at a time and ranks the layers by what
/// that costs.
struct SensitivityCommand: DiagnosedCommand {
  static let configuration = CommandConfiguration(
    commandName: "sensitivity", abstract: "Quantize one layer at a time, and rank the layers.")

  @Argument(help: "The float model: .onnx or .qir.") var model: String
  @Option(help: "Widths to give each layer: 8,4 (weights) or w8a8,w4a4.") var bits = "8,4"
  @Option(
    name: .shortAndLong,
    help: "Where a configuration goes: the smallest of these widths that keeps --sqnr.")
  var output: String?
  @Option(help: "Signal against noise, in dB, that the configuration has to keep at the outputs.")
  var sqnr: Float = 20
  @Flag(help: "Print JSON.") var json = false
  @OptionGroup var quantization: QuantizationOptions
  @OptionGroup var sensitivity: SensitivityOptionGroup

  func validate() throws {
    if quantization.data == nil { throw ValidationError("give --data") }
  }

  func execute() throws(Diagnostic) {
    var run = try sensitivity.run(model, quantization, widths: bits)
    let table = try run.preparer.sensitivity(of: run.graph, on: run.data, run.options)
    if let output {
      var pass = AssignBits()
      pass.bits = bits
      pass.sqnr = sqnr
      let assignment = try run.preparer.assignBits(of: run.graph, table, pass)
      try AtomicFile.write(text: assignment.applied(to: run.preparer.config).yaml, to: output)
    }
    Terminal.print(json ? table.json : table.description)
  }
}

extension SensitivityTable {
  /// `{"accuracy": A, "layers": [{"layer": …, "op": …, "width": …, "weights": …, "activations": …,
  /// "elements": …, "sqnr": …, "drop": …}]}`, the most sensitive first; drops are in points.
  fileprivate var json: String {
    let entries = ranking.map { entry in
      "{\"layer\": \(quoted(entry.layer)), \"op\": \(quoted(entry.opType)), "
        + "\"width\": \(entry.width.map { quoted($0.description) } ?? "null"), "
        + "\"weights\": \(entry.weightBits?.description ?? "null"), "
        + "\"activations\": \(entry.activationBits?.description ?? "null"), "
        + "\"elements\": \(entry.weightCount), \"sqnr\": \(jsonNumber(entry.sqnr)), "
        + "\"drop\": \(jsonNumber(entry.drop.map { 100 * $0 }))}"
    }
    return "{\"accuracy\": \(jsonNumber(floatScore)), \"layers\": [\n"
      + entries.joined(separator: ",\n") + "\n]}"
  }
}
