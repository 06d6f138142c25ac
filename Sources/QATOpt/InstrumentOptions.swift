import ArgumentParser
import QAT

/// The flags that watch a pipeline, named as MLIR names them.
struct InstrumentOptions: ParsableArguments {
  @Flag(help: "Verify the graph after each pass.") var verifyEach = false
  @Option(help: "Print the graph before this pass.") var printIRBefore: [String] = []
  @Option(help: "Print the graph after this pass.") var printIRAfter: [String] = []
  @Flag(help: "Print the graph after each pass.") var printIRAfterAll = false
  @Flag(help: "Print the graph after each pass that changed it.") var printIRAfterChange = false
  @Flag(help: "Print how long each pass took.") var timing = false
  @Flag(help: "Run the graph around each pass and compare the values.") var checkValues = false
  @Option(help: "Where a failure leaves graph and remaining pipeline.")
  var reproducer = "qat-opt-reproducer.qir"

  struct Running {
    let all: [any PassInstrument]
    let timing: PassTiming?
    func report() { if let timing { Terminal.error(timing.report) } }
  }

  func instruments(
    for graph: Graph, _ quantization: QuantizationOptions
  ) throws(Diagnostic) -> Running {
    for name in printIRBefore + printIRAfter where QatOpt.tools.passes[name] == nil {
      throw Diagnostic(
        .invalidOption, "there is no pass '\(name)'",
        hint: nameHint(name, among: QatOpt.tools.passes.all.map { $0.name }))
    }
    let write: @Sendable (String) -> Void = { Terminal.error($0) }
    var all: [any PassInstrument] = []
    if verifyEach { all.append(VerifyEach()) }
    if !printIRBefore.isEmpty { all.append(PrintIR(.before(Set(printIRBefore)), write: write)) }
    if !printIRAfter.isEmpty { all.append(PrintIR(.after(Set(printIRAfter)), write: write)) }
    if printIRAfterAll { all.append(PrintIR(.afterAll, write: write)) }
    if printIRAfterChange { all.append(PrintIR(.afterChange, write: write)) }
    if checkValues {
      all.append(CheckValues(samples: try quantization.samples(for: graph)))
      all.append(Reproducer(path: reproducer))
    }
    let timer = timing ? PassTiming() : nil
    if let timer { all.append(timer) }
    return Running(all: all, timing: timer)
  }
}

/// Leaves the graph of before a failing pass, with the passes that were still to run, in a file that
/// `--run-reproducer` takes.
struct Reproducer: PassInstrument {
  static let key = "qat.reproducer"
  let path: String

  func didFail(_ step: PassStep, on graph: Graph, _ error: Diagnostic) {
    var graph = graph
    graph.metadata[Self.key] = step.remaining.description
    do throws(Diagnostic) {
      try GraphFiles.write(graph, to: path)
      Terminal.error("note: wrote \(path); run it with 'qat-opt --run-reproducer \(path)'")
    } catch { Terminal.error(error.description) }
  }
}
