import QAT
import Testing

/// A whole model: where quantizers come to stand, and that nothing else changes.
@Suite("Model preparation")
struct ModelPreparationTests {
  private func prepared(
    _ config: QuantizationConfig = minMaxConfig, _ graph: Graph? = nil
  ) throws -> Graph {
    var preparer = QATPreparer(config, calibration: CalibrationData(images(batches: 3)))
    return try preparer.prepareForQAT(graph ?? branchedNet())
  }

  /// What feeds a node, operand by operand: quantizers with what they quantize.
  private func edges(_ name: String, of graph: Graph) throws -> [String] {
    let node = try graph.node(name)
    return graph[node].operands.map { operand in
      guard let operand else { return "-" }
      guard let producer = graph.producer(of: operand) else { return graph[operand].name }
      let source = graph[producer]
      guard source.op is FakeQuantize || source.op is FakeQuantizeBias, let x = source.operands[0]
      else { return source.name }
      return "q(\(graph.producer(of: x).map { graph[$0].name } ?? graph[x].name))"
    }
  }

  @Test(
    "puts quantizers on the edges of products and sums, and none between a product and its Relu")
  func positions() throws {
    let graph = try prepared()
    let expected = [
      "conv1": ["q(image)", "q(conv1.weight)", "q(conv1.bias)"], "relu": ["conv1"],
      "conv2": ["q(relu)", "q(conv2.weight)"], "sum": ["q(conv2)", "q(relu)"],
      "pool": ["q(sum)"], "flat": ["q(pool)"],
      "logits": ["q(flat)", "q(dense.weight)", "q(dense.bias)"],
    ]
    for (name, edges) in expected {
      #expect(try self.edges(name, of: graph) == edges, "\(name)")
    }
    let output = try #require(graph.producer(of: graph.outputs[0]))
    #expect(graph[output].op is FakeQuantize)
    // Both readers of the Relu read one quantizer.
    #expect(try graph.source(0, of: graph.node("conv2")) == graph.source(1, of: graph.node("sum")))
  }

  @Test("observes nothing behind operations that pass codes: they share the scale in front")
  func codePreserving() throws {
    let graph = try prepared()
    let observed = graph.all(Observe.self).compactMap { graph[$0].operands[0] }
      .map { value in graph.producer(of: value).map { graph[$0].name } ?? graph[value].name }
    #expect(observed == ["image", "relu", "conv2", "sum", "logits"])
    let quantizers = try ["pool", "flat", "logits"].map { try graph.source(0, of: graph.node($0)) }
    for index in [1, 2] {
      #expect(Set(quantizers.map { graph[$0].operands[index] }).count == 1)
    }
  }

  @Test("keeps names, inputs, outputs, shapes, attributes and the order of the float part")
  func structure() throws {
    let float = try branchedNet(), graph = try prepared()
    let names = float.nodes.map { float[$0].name }
    #expect(graph.nodes.map { graph[$0].name }.filter(names.contains) == names)
    for name in names {
      let old = try float.node(name), new = try graph.node(name)
      #expect(isSameOperation(float[old].op, graph[new].op), "\(name)")
      #expect(float[float[old].result].type == graph[graph[new].result].type, "\(name)")
    }
    for (a, b) in [(float.inputs, graph.inputs), (float.outputs, graph.outputs)] {
      #expect(a.map { float[$0].name } == b.map { graph[$0].name })
      #expect(a.map { float[$0].type } == b.map { graph[$0].type })
    }
    // The caller's graph is the caller's.
    #expect(try float == branchedNet())
    try graph.verify(evaluation: true)
  }

  @Test("makes parameters variables with the contents they had") func parameters() throws {
    let float = try branchedNet(), graph = try prepared()
    #expect(float.constants.count == 5)
    for id in float.constants {
      let name = float[id].name, value = try #require(graph.value(named: name))
      #expect(graph[value].variable == float[id].constant, "\(name)")
    }
  }

  @Test("initialises each scale from what the float model computes") func initialisation() throws {
    let float = try branchedNet(), statistics = try QuantizationStatistics(of: prepared())
    for name in ["image", "relu", "conv2", "sum", "logits"] {
      let seen = try images(batches: 3).flatMap { inputs in
        try name == "image" ? inputs["image"]?.floats ?? [] : value(name, of: float, inputs).floats
      }
      let grid = ReferenceGrid.asymmetric(
        low: 0, high: 255, min: seen.min() ?? 0, max: seen.max() ?? 0)
      let found = try statistics.quantizer(of: name)
      #expect(found.kind == .activations && found.grid == .uint8, "\(name)")
      #expect(found.scales == [grid.scale] && found.zeroPoints == [grid.zero], "\(name)")
    }
    #expect(statistics.count(.weights) == 3 && statistics.count(.bias) == 2)
    // Relu's values begin at 0: so do their codes.
    #expect(try statistics.quantizer(of: "relu").zeroPoints == [0])
  }

  @Test("stays close to the float model, and evaluating it changes nothing") func evaluation()
    throws
  {
    let graph = try prepared(), float = try branchedNet(), session = try Session(graph)
    for inputs in images(batches: 3) {
      let y = try session.run(inputs)[0]
      #expect(try y == session.run(inputs)[0])
      // Eight bits at each of five places.
      #expect(try decibels(run(float, inputs).floats, y.floats) > 30)
    }
    #expect(session.variables == graph.contents)
  }

  @Test("leaves batch-norms to training, without a quantizer in front of them") func batchNorm()
    throws
  {
    let float = try digitNet()
    var preparer = QATPreparer(calibration: try Digits.calibration(float, batches: 1))
    let graph = try preparer.prepareForQAT(float)
    #expect(graph.all(BatchNormalization.self).count == 2)
    for name in ["conv1", "conv2"] {
      let conv = try graph.node(name), norm = try graph.node("\(name).norm")
      #expect(graph[norm].operands[0] == graph[conv].result)
      let relu = try graph.node("\(name).relu")
      #expect(graph[relu].operands[0] == graph[norm].result)
      #expect(graph.users(of: graph[relu].result).contains { graph[$0].op is FakeQuantize })
      #expect(graph[try #require(graph[norm].operands[3])].variable != nil)
    }
  }
}
