import ArgumentParser
import QAT

/// `qat-opt assign-bits MODEL --data DATA --ratio 0.15`: a width for each layer, within a budget of size
/// or accuracy, as a configuration.
struct AssignBitsCommand: DiagnosedCommand {
  static let configuration = CommandConfiguration(
    commandName: "assign-bits", abstract: "Choose a width for each layer, within a budget.")

  @Argument(help: "The float model: .onnx or .qir.") var model: String
  @Option(help: "Widths to choose from: 8,4,2 (weights) or w8a8,w4a4.") var bits = "8,4"
  @Option(help: "The most bytes that the weights may have, packed.") var bytes: Int?
  @Option(help: "The same as a share of the float weights.") var ratio: Float?
  @Option(help: "The least signal against noise at the outputs, in dB.") var sqnr: Float?
  @Option(help: "The most points of accuracy to lose on --validation.") var maxDrop: Float?
  @Option(name: .shortAndLong, help: "Where the configuration goes; printed where left out.")
  var output: String?
  @OptionGroup var quantization: QuantizationOptions
  @OptionGroup var sensitivity: SensitivityOptionGroup

  func validate() throws {
    if quantization.data == nil { throw ValidationError("give --data") }
    let budgets = [bytes != nil, ratio != nil, sqnr != nil, maxDrop != nil].count { $0 }
    if budgets != 1 {
      throw ValidationError("give one of --bytes, --ratio, --sqnr and --max-drop")
    }
    if bytes.map({ $0 <= 0 }) ?? false || ratio.map({ $0 <= 0 }) ?? false
      || maxDrop.map({ $0 < 0 }) ?? false || sqnr == 0
    {
      throw ValidationError("a budget is above 0")
    }
    if maxDrop != nil && sensitivity.validation == nil {
      throw ValidationError("--max-drop needs --validation")
    }
  }

  func execute() throws(Diagnostic) {
    var run = try sensitivity.run(model, quantization, widths: bits)
    var pass = AssignBits()
    pass.bits = bits
    pass.bytes = bytes ?? 0
    pass.ratio = ratio ?? 0
    pass.sqnr = sqnr ?? 0
    pass.drop = maxDrop ?? -1
    let table = try run.preparer.sensitivity(of: run.graph, on: run.data, run.options)
    let assignment = try run.preparer.assignBits(
      of: run.graph, table, pass, validation: maxDrop == nil ? nil : run.data,
      evaluator: run.options.evaluator)
    let yaml = assignment.applied(to: run.preparer.config).yaml
    guard let output else {
      Terminal.error(assignment.description)
      return Terminal.write(yaml)
    }
    try AtomicFile.write(text: yaml, to: output)
    Terminal.print(assignment.description)
  }
}
