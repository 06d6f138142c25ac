import QAT
import Testing

/// Layers with settings of their own in one model.
@Suite("Layer-wise config")
struct LayerWiseConfigTests {
  private func prepared(_ yaml: String) throws -> (QATPreparer, Graph) {
    let graph = try Digits.trained.get()
    var preparer = QATPreparer(
      try QuantizationConfig(yaml: yaml), calibration: try Digits.calibration(graph, batches: 2))
    let prepared = try preparer.prepareForQAT(graph)
    return (preparer, prepared)
  }

  private static let mixed = """
    layers:
      - match: first
        quantize: false
      - match: conv2
        weights: {bits: 4}
    """

  private func train(_ graph: Graph, steps: Int = 8) throws -> Graph {
    let step = try TrainingStep(graph)
    var trainer = Trainer()
    (trainer.batchSize, trainer.learningRate, trainer.stepLimit) = (32, 0.01, steps)
    try trainer.train(step, on: Digits.load(.train, limit: 320))
    return step.evaluationGraph
  }

  @Test("float, int4 and int8 layers are one model, and it runs on integers as it was trained")
  func mixed() throws {
    var (preparer, prepared) = try prepared(Self.mixed)
    let statistics = try preparer.statistics(of: prepared)
    #expect(try statistics.quantizer(of: "conv2.weight").grid?.description == "i4n")
    #expect(try statistics.quantizer(of: "dense.weight").grid?.description == "i8n")
    #expect(!statistics.quantizers.contains { $0.value.hasPrefix("conv1.weight") })
    let trained = try train(prepared)
    for name in ["conv1.weight", "conv2.weight", "dense.weight"] {
      #expect(try trained.floats(name) != prepared.floats(name), "\(name)")
    }
    let converted = try preparer.convertToQuantized(trained, to: .qoperator)
    #expect(converted.all(Conv.self).count == 1 && converted.all(QLinearConv.self).count == 1)
    #expect(converted.all(QGemm.self).count == 1)
    let narrow = try #require(converted.codes(ofProduct: 0).integers)
    let wide = try #require(converted.codes(ofProduct: 1).integers)
    #expect(narrow.allSatisfy { abs($0) <= 7 } && narrow.contains { abs($0) == 7 })
    #expect(wide.contains { abs($0) == 127 })
    let data = try Digits.load(.test, limit: 300)
    var simulated: [AnyTensor] = [], integers: [AnyTensor] = [], deployed: [AnyTensor] = []
    let a = try Evaluator().evaluate(Session(trained), data) { simulated += $0 }
    let b = try Evaluator().evaluate(Session(trained, mode: .integer), data) { integers += $0 }
    _ = try Evaluator().evaluate(Session(converted, mode: .integer), data) { deployed += $0 }
    let accuracy = try #require(a.accuracy)
    #expect(accuracy == b.accuracy && accuracy > 0.9)
    #expect(deployed == integers)
    expectAgreement(simulated, integers)
  }

  @Test(
    "selectors reach layers by place, name, pattern and operation",
    arguments: [
      ("first", ["conv1"]), ("last", ["logits"]), ("1..<n", ["conv2", "logits"]),
      ("0...1", ["conv1", "conv2"]), ("conv2", ["conv2"]), ("conv?", ["conv1", "conv2"]),
      ("/.*[2s]/", ["conv2", "logits"]), ("op: Gemm", ["logits"]),
      ("*", ["conv1", "conv2", "logits"]),
    ])
  func selectors(_ match: String, _ layers: [String]) throws {
    let (preparer, graph) = try prepared(
      "layers: [{match: '\(match)', weights: {bits: 5}}]")
    let statistics = try preparer.statistics(of: graph)
    let narrow = statistics.quantizers.filter { $0.kind == .weights && $0.grid?.bits == 5 }
    #expect(narrow.compactMap(\.layer) == layers)
    #expect(statistics.count(.weights) == 3)
  }

  @Test("later rules win, setting by setting") func order() throws {
    let (preparer, graph) = try prepared(
      """
      weights: {bits: 6}
      layers:
        - match: "op: Conv"
          weights: {bits: 4, observer: {kind: percentile, percentile: 90}}
        - match: conv2
          weights: {bits: 3}
      """)
    let statistics = try preparer.statistics(of: graph)
    let bits = try ["conv1", "conv2", "dense"].map {
      try statistics.quantizer(of: "\($0).weight").grid?.bits
    }
    #expect(bits == [4, 3, 6])
    // The observer of the first rule holds for both: not the largest weight decides.
    let weight = try graph.floats("conv2.weight")
    let scales = try statistics.quantizer(of: "conv2.weight").scales
    let largest = (0..<16).map { channel in
      weight[channel * 72..<(channel + 1) * 72].map(abs).max() ?? 0
    }
    #expect(zip(scales, largest).contains { $0 < 0.95 * $1 / 3 })
  }

  @Test("observers and estimators are each layer's own") func observers() throws {
    let (_, graph) = try prepared(
      """
      layers:
        - match: conv2
          activations: {observer: {kind: histogram, every: 2}, ste: plain}
        - match: last
          weights: {granularity: per-tensor, scale: power-of-two}
      """)
    let kinds = graph.all(Observe.self).compactMap { id -> String? in
      let op = graph[id].op as? Observe, x = graph[id].operands[0]
      return op.flatMap { op in x.map { "\(graph[$0].name) \(op.kind.rawValue) \(op.every)" } }
    }
    #expect(kinds.contains("image moving-average 1"))
    #expect(kinds.contains { $0.hasSuffix("histogram 2") })
    let quantizer = try graph.source(0, of: graph.node("conv2"))
    #expect((graph[quantizer].op as? FakeQuantize)?.straightThrough == "plain")
    let scales = try QuantizationStatistics(of: graph).quantizer(of: "dense.weight").scales
    #expect(scales.count == 1 && scales[0].significand == 1)
    let largest = try graph.floats("dense.weight").map(abs).max() ?? 0
    #expect(scales[0] >= largest / 127 && scales[0] < 2 * largest / 127)
  }

  @Test("a layer that is not trainable keeps its bits, and others move") func frozen() throws {
    let (_, graph) = try prepared("layers: [{match: \"conv*\", trainable: false}]")
    let trained = try train(graph, steps: 3)
    for name in ["conv1.weight", "conv2.weight"] {
      #expect(try trained.floats(name) == graph.floats(name), "\(name)")
    }
    #expect(try trained.floats("dense.weight") != graph.floats("dense.weight"))
  }

  @Test("weights or activations of one layer may stay in float") func parts() throws {
    let (_, graph) = try prepared(
      "layers: [{match: conv2, weights: float}, {match: last, activations: float}]")
    let statistics = try QuantizationStatistics(of: graph)
    #expect(
      statistics.quantizers.filter { $0.kind == .weights }.compactMap(\.layer) == [
        "conv1", "logits",
      ])
    // The scores come as the last product computes them.
    #expect(graph.producer(of: graph.outputs[0]).map { graph[$0].op is Gemm } == true)
  }

  @Test("is the same in YAML and in Swift, and prints back") func text() throws {
    var config = QuantizationConfig.recommended
    config.layers = [
      LayerRule(.first, quantize: false),
      LayerRule(.name("conv2"), weights: .settings(TensorSettings(bits: 4))),
    ]
    let read = try QuantizationConfig(yaml: Self.mixed)
    #expect(read == config)
    #expect(try QuantizationConfig(yaml: read.yaml) == config)
  }

  @Test("fewer bits of a layer's weights are more noise") func noise() throws {
    let float = try Digits.trained.get(), data = try Digits.load(.test, limit: 64)
    var last = Double.infinity
    for bits in [8, 6, 4, 3] {
      var config = QuantizationConfig.recommended
      config.layers = [
        LayerRule(.glob("*"), quantize: false),
        LayerRule(
          .name("conv2"), quantize: true, weights: .settings(TensorSettings(bits: bits)),
          activations: .float),
      ]
      let model = try quantizeModel(
        float, calibration: Digits.load(.train, limit: 64), config: config, form: .fakeQuantized)
      let ratio = try compareQuantized(float, model.graph, on: data).outputs[0].comparison.sqnr
      #expect(ratio < last - 3, "\(bits) bits: \(ratio) dB")
      last = ratio
    }
  }
}
