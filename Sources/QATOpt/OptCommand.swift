import ArgumentParser
import QAT

/// `qat-opt MODEL --pass-pipeline=…`: runs passes.
struct OptCommand: DiagnosedCommand {
  static let configuration = CommandConfiguration(
    commandName: "opt", abstract: "Run passes over a model (the default subcommand).")

  @Argument(help: "The model: .onnx or .qir.") var model: String?
  @Option(help: "Passes to run: 'canonicalize,fold-batchnorm,…'.") var passPipeline: String?
  @Option(help: "A named pipeline to run.") var pipeline: String?
  @Option(name: .shortAndLong, help: "Where the result goes: .onnx, .qir or .dot; '-' prints .qir.")
  var output: String?
  @OptionGroup var outputOptions: OutputOptions
  @OptionGroup var quantization: QuantizationOptions
  @OptionGroup var instruments: InstrumentOptions
  @Flag(help: "List the passes and pipelines.") var listPasses = false
  @Flag(help: "List the operations: what runs them, gradients, quantization.") var listOps = false
  @Option(help: "Run the rest of a pipeline on the graph of a reproducer.") var runReproducer:
    String?

  func validate() throws {
    if model == nil && !listPasses && !listOps && runReproducer == nil {
      throw ValidationError("give a model, --list-passes or --list-ops")
    }
    if passPipeline != nil && pipeline != nil {
      throw ValidationError("--pass-pipeline and --pipeline exclude each other")
    }
  }

  func execute() throws(Diagnostic) {
    let tools = QatOpt.tools
    if listPasses { return Terminal.print(tools.passes.listing) }
    if listOps { return Terminal.print(listing(of: tools.ops)) }
    let path = runReproducer ?? model ?? ""
    var graph = try GraphFiles.read(path, registry: tools.ops)
    var text = passPipeline ?? ""
    if let pipeline {
      guard tools.passes.pipelines[pipeline] != nil else {
        throw Diagnostic(
          .invalidOption, "there is no pipeline '\(pipeline)'",
          hint: nameHint(pipeline, among: Array(tools.passes.pipelines.keys)))
      }
      text = pipeline
    }
    if runReproducer != nil {
      guard let stored = graph.metadata.removeValue(forKey: Reproducer.key) else {
        throw Diagnostic(
          .invalidData, "'\(path)' is no reproducer", hint: "a failing --check-values writes one")
      }
      text = stored
    }
    let pipeline = try Pipeline(text, registry: tools.passes)
    var context = PassContext(registry: tools.ops)
    try quantization.prepare(&context, for: graph)
    let running = try instruments.instruments(for: graph, quantization)
    defer { running.report() }
    try pipeline.run(on: &graph, &context, instruments: running.all)
    for remark in context.remarks where remark.severity == .warning {
      Terminal.error(remark.description)
    }
    try quantization.saveRanges(context)
    try graph.verify()
    switch output {
    case nil, "-": Terminal.write(graph.text(blobs: output == nil ? .elided : .inline))
    case .some(let path): try outputOptions.write(graph, to: path)
    }
  }
}

extension PassRegistry {
  /// A line a pass: name, effect, summary; its options below; then the pipelines.
  var listing: String {
    func lines<P: Pass>(_ pass: P.Type) -> [String] {
      ["\(pass.name): \(pass.summary) [\(pass.effect)]"]
        + pass.options.map { "    \($0.name): \($0.summary) (\($0.values))" }
    }
    let passes = all.flatMap { lines($0) }
    let named = pipelines.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)" }
    return (passes + [""] + named).joined(separator: "\n")
  }
}
