import QATConfig
import QATCore
import QATIR
import QATPasses
import QATRewrite
import Testing

@Suite("Values")
struct ValueTests {
  @Test(
    "are kept by every pass as it promises", arguments: PassRegistry.builtin.all.map { $0.name },
    try Sample.names())
  func keepValues(_ pass: String, _ sample: String) throws {
    let pipeline = try Pipeline(pass, registry: .builtin)
    for (form, before) in try Sample.all.get()[sample] ?? [:] {
      var graph = before
      var context = PassContext.forTests(before)
      let check = CheckValues(samples: sampleInputs(for: before))
      do throws(Diagnostic) {
        try pipeline.run(on: &graph, &context, instruments: [check])
      } catch {
        // What a pass does not apply to it may refuse; a broken promise is another matter.
        #expect(error.code != .brokenPromise, "\(sample) after '\(form)': \(error)")
        continue
      }
      do throws(Diagnostic) { try graph.verify() } catch {
        Issue.record("\(sample) after '\(form)': \(error)")
      }
      #expect(try Graph(text: graph.text()).text() == graph.text(), "\(sample) after '\(form)'")
    }
  }

  @Test(
    "are kept through whole pipelines", arguments: try Sample.names(),
    [
      "ptq-qdq", "ptq-qoperator", "make-trainable,ptq-qoperator", "ptq-dynamic", "ptq-weight-only",
      "ptq-matmulnbits", "ptq-corrected,lower-qoperator",
      "apply-layer-config,insert-fake-quant,share-scales,calibrate,freeze,canonicalize,fold-constants,"
        + "lower-qoperator",
      "apply-layer-config{preset=default},insert-fake-quant,share-scales,calibrate,freeze,canonicalize,"
        + "fold-constants,lower-qoperator",
      "canonicalize,fold-constants,fold-batchnorm,apply-layer-config{preset=mobile-optimized},"
        + "insert-fake-quant,share-scales,calibrate,freeze,canonicalize,fold-constants,lower-qoperator",
      "canonicalize,fold-constants,canonicalize,apply-layer-config{preset=default},make-trainable,"
        + "prepare-batchnorm,insert-fake-quant,share-scales,calibrate,qat-finish,lower-qoperator",
      "canonicalize,fold-constants,fold-batchnorm,apply-layer-config{preset=int4-aggressive},"
        + "insert-fake-quant,share-scales,calibrate,freeze,canonicalize,fold-constants,lower-qoperator",
      "make-trainable,attach-loss{kind=mse},enter-training,differentiate,clip-gradients,apply-optimizer",
    ])
  func keepValues(_ sample: String, through pipeline: String) throws {
    var graph = try Sample.graph(sample)
    var context = PassContext.forTests(graph)
    let check = CheckValues(samples: sampleInputs(for: graph, count: 3))
    try Pipeline(pipeline, registry: .withPipelines)
      .run(on: &graph, &context, instruments: [VerifyEach(), check])
  }
  @Test(
    "are kept by what prepares the graph of a training step", arguments: try Sample.names(),
    ["", "quantizer: lsq", "quantizer: lsq+", "quantizer: pact"])
  func keepSteps(_ sample: String, _ quantizer: String) throws {
    var graph = try Sample.graph(sample)
    var context = PassContext.forTests(graph)
    context[QuantizationConfig.self] = try QuantizationConfig(
      yaml: """
        weights: {bits: 8, \(quantizer == "" ? "" : "quantizer: lsq")}
        activations: {bits: 8, \(quantizer)}
        warmupBatches: 0
        """)
    try Pipeline(
      "canonicalize,fold-constants,canonicalize,apply-layer-config,make-trainable,prepare-batchnorm,"
        + "insert-fake-quant,share-scales,calibrate,attach-loss{kind=mse},enter-training,"
        + "differentiate,apply-optimizer", registry: .withPipelines
    ).run(on: &graph, &context, instruments: [VerifyEach()])
    // Of the step itself: it has a target and a learning rate among its inputs.
    let check = CheckValues(samples: sampleInputs(for: graph, count: 3))
    try Pipeline("session-training", registry: .withPipelines)
      .run(on: &graph, &context, instruments: [VerifyEach(), check])
    #expect(graph.nodes.contains { graph[$0].op is Assign })
  }
}
