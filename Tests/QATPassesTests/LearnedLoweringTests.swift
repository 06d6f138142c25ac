import QATConfig
import QATCore
import QATIR
import QATPasses
import QATRewrite
import QATRuntime
import Testing

@Suite("A learned quantizer that is lowered")
struct LearnedLoweringTests {
  private static let text = """
    graph @net(%x: f32[N,2,6,6]) -> (%y: f32[N,3]) {
      constant %w: f32[3,2,1,1] = [0.5, -0.25, -1.0, 0.75, -0.5, 0.125]
      constant %gamma: f32[3] = [1.5, -0.5, 0.75]
      constant %beta: f32[3] = [0.25, 0.5, -0.125]
      constant %mean: f32[3] = [0.125, -0.25, 0.5]
      constant %variance: f32[3] = [1.0, 0.5, 2.0]
      constant %d: f32[27,3] = [
        0.5, -0.25, 0.125, 0.3, -0.5, 0.6, 0.2, 0.1, -0.7, 0.5, -0.25, 0.125, 0.3, -0.5, 0.6, 0.2, 0.1,
        -0.7, 0.5, -0.25, 0.125, 0.3, -0.5, 0.6, 0.2, 0.1, -0.7, 0.4, -0.25, 0.125, 0.3, -0.5, 0.6, 0.2,
        0.1, -0.7, 0.5, -0.25, 0.125, 0.3, -0.5, 0.6, 0.2, 0.1, -0.7, 0.5, -0.3, 0.125, 0.3, -0.5, 0.6,
        0.2, 0.1, -0.7, 0.5, -0.25, 0.125, 0.3, -0.5, 0.6, 0.2, 0.1, -0.7, 0.5, -0.25, 0.1, 0.3, -0.5,
        0.6, 0.2, 0.1, -0.7, 0.5, -0.25, 0.125, 0.3, -0.5, 0.6, 0.2, 0.1, -0.9]
      constant %b: f32[3] = [0.25, -0.5, 0.125]
      %c = Conv(%x, %w)
      %n = BatchNormalization(%c, %gamma, %beta, %mean, %variance)
      %r = Relu(%n)
      %p = MaxPool(%r) {kernel_shape = [2, 2], strides = [2, 2]}
      %f = Flatten(%p)
      %y = Gemm(%f, %d, %b)
    }
    """

  private func inputs(_ seed: Int) -> [String: AnyTensor] {
    let numbers = (0..<8 * 72).map { Float(($0 * 37 + seed) % 289) / 64 - 2.25 }
    return ["x": AnyTensor(shape: [8, 2, 6, 6], numbers)]
  }

  private func prepared(_ yaml: String) throws -> (Graph, PassContext) {
    var context = PassContext()
    context[CalibrationData.self] = CalibrationData([inputs(0), inputs(5)])
    context[QuantizationConfig.self] = try QuantizationConfig(yaml: yaml)
    var graph = try Graph(text: Self.text)
    try Pipeline("qat-prepare", registry: .withPipelines).run(on: &graph, &context)
    return (graph, context)
  }

  @Test(
    "computes the codes that training saw",
    arguments: ["lsq", "lsq+", "pact"], [(2, true), (2, false), (4, false), (8, true)])
  func keepsCodes(_ method: String, _ width: (bits: Int, narrow: Bool)) throws {
    var (fake, context) = try prepared(
      """
      weights: {bits: \(width.bits), narrow: \(width.narrow), quantizer: lsq}
      activations: {bits: \(width.bits), quantizer: '\(method)'}
      layers: [{match: last, weights: {bits: 8}, activations: {bits: 8}}]
      """)
    #expect(fake.nodes.contains { fake[$0].op is BatchNormalization })
    // Parameters where training could have left them: a zero point that has to be rounded.
    for id in fake.variables {
      let name = fake[id].name
      guard let old = fake[id].variable?.elements(as: Float.self), let count = old.first,
        name.hasSuffix(".step") || name.hasSuffix(".clip") || name.hasSuffix(".offset")
      else { continue }
      // The second channel has its lowest code then, and a batch-norm that turns it around.
      let factor: Float = name.hasSuffix(".offset") ? 0.91 : name == "w.step" ? 0.3 : 1.07
      #expect(count.isFinite)
      let moved = old.map { $0 * factor }
      fake.define(id, as: .variable(AnyTensor(shape: fake[id].type.shape?.sizes ?? [], moved)))
    }
    let seen = try Session(fake).run(inputs(11))
    try Pipeline("qat-finish", registry: .withPipelines).run(on: &fake, &context)
    #expect(try Session(fake).run(inputs(11)) == seen)
    for lowering in ["lower-qdq", "lower-qoperator"] {
      var deployed = fake
      try Pipeline(lowering, registry: .withPipelines).run(on: &deployed, &context)
      #expect(try Session(deployed).run(inputs(11)) == seen, "\(lowering)")
      let names = deployed.nodes.map { deployed[$0].op.name.description }
      #expect(!names.contains { $0.hasPrefix("qat.") } && !names.contains("BatchNormalization"))
      if lowering == "lower-qoperator" {
        #expect(names.contains("QLinearConv") && !names.contains("Conv") && !names.contains("Relu"))
      }
    }
  }

  @Test("has a scale for each group of weights") func groups() throws {
    var (fake, context) = try prepared(
      """
      weights: {bits: 4, granularity: {per-group: 9}, quantizer: lsq}
      activations: {bits: 8, quantizer: lsq}
      layers: [{match: first, weights: {granularity: per-channel}}]
      """)
    let id = try #require(fake.value(named: "d.step"))
    #expect(fake[id].type.shape?.sizes == [3, 3])
    let seen = try Session(fake).run(inputs(11))
    try Pipeline("qat-finish,lower-qdq", registry: .withPipelines).run(on: &fake, &context)
    #expect(try Session(fake).run(inputs(11)) == seen)
  }

  @Test("rounds behind a pooling while it trains, to the same values") func deferred() throws {
    let (graph, _) = try prepared(
      """
      weights: {bits: 2, quantizer: lsq, narrow: false}
      activations: {bits: 2, quantizer: lsq}
      """)
    func deferred(_ graph: Graph) -> [FakeQuantize] {
      graph.nodes.compactMap { graph[$0].op as? FakeQuantize }.filter(\.deferred)
    }
    #expect(deferred(graph).count == 1)
    var training = graph
    var context = PassContext()
    try EnterTraining(batchnorm: .frozen, observers: .frozen).run(on: &training, &context)
    #expect(deferred(training).map(\.bypass) == [true])
    let trained = try Session(training).run(inputs(3)),
      evaluated = try Session(graph).run(inputs(3))
    #expect(trained == evaluated)
  }

  @Test("has what the papers begin with, over the calibration data")
  func initial() throws {
    let (graph, _) = try prepared(
      "weights: {bits: 2, quantizer: lsq}\nactivations: {bits: 4, quantizer: lsq}")
    func number(_ name: String) throws -> Float {
      let id = try #require(graph.value(named: name))
      return try #require(graph[id].variable?.elements(as: Float.self)?.first)
    }
    // 2 · (0.5 + 0.25) / 2 / √1.
    #expect(try number("w.step") == 0.75)
    let batches = [inputs(0), inputs(5)].map { $0["x"]?.elements(as: Float.self) ?? [] }
    let means = batches.map { $0.reduce(0.0) { $0 + Double(abs($1)) } / Double($0.count) }
    let expected = means.map { 2 * $0 / 15.0.squareRoot() }.reduce(0, +) / 2
    #expect(try abs(Double(number("x.step")) - expected) < 1e-6)
  }

  @Test("refuses calibration data with NaN, and names the value") func notFinite() throws {
    var context = PassContext()
    let numbers = Array(repeating: Float.nan, count: 72)
    context[CalibrationData.self] = CalibrationData([
      ["x": AnyTensor(shape: [1, 2, 6, 6], numbers)]
    ])
    context[QuantizationConfig.self] = try QuantizationConfig(yaml: "activations: {quantizer: lsq}")
    var graph = try Graph(text: Self.text)
    let error = #expect(throws: Diagnostic.self) {
      try Pipeline("qat-prepare", registry: .withPipelines).run(on: &graph, &context)
    }
    #expect(error?.code == .invalidData && error?.description.contains("x.learned") == true)
  }

  @Test("exports and imports as the graph that it was, schedule and all") func roundTrip() throws {
    let (graph, _) = try prepared(
      "weights: {bits: 2, quantizer: lsq}\nactivations: {quantizer: lsq+}\nquantizationDelay: 9")
    #expect(graph.metadata["qat.schedule"] == "delay=9")
    let text = graph.text()
    #expect(try Graph(text: text).text() == text)
  }
}
