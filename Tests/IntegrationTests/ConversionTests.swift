import QAT
import Testing

/// From a trained model with fake-quantizers to one of codes.
@Suite("Conversion")
struct ConversionTests {
  /// The small net, prepared and trained for some steps.
  private func trained(
    _ config: QuantizationConfig = minMaxConfig
  ) throws -> (preparer: QATPreparer, graph: Graph) {
    var preparer = QATPreparer(config, calibration: CalibrationData(images(batches: 3)))
    let step = try TrainingStep(preparer.prepareForQAT(branchedNet()))
    for (index, inputs) in images(batches: 5).enumerated() {
      let labels = AnyTensor(shape: [8], (0..<8).map { Int64(($0 + index) % 3) })
      _ = try step.run(Batch(inputs: inputs, labels: labels), learningRate: 0.02)
    }
    return (preparer, step.evaluationGraph)
  }

  /// The constant that a node reads, through the dequantizer in front of it.
  private func codes(_ operand: Int, of name: String, in graph: Graph) throws -> AnyTensor {
    let node = try graph.node(name)
    let value = try #require(graph[node].operands[operand])
    if let constant = graph[value].constant { return constant }
    let dequantizer = try graph.source(operand, of: node)
    let code = try #require(graph[dequantizer].operands[0])
    return try #require(graph[code].constant)
  }

  private func kinds(_ graph: Graph) -> Set<String> {
    Set(graph.nodes.map { graph[$0].op.name.description })
  }

  @Test("leaves no fake-quantizer, observer or variable") func gone() throws {
    var (preparer, graph) = try trained()
    #expect(kinds(graph).contains("qat.FakeQuantize") && kinds(graph).contains("qat.Observe"))
    for form in [QuantizedForm.qdq, .qoperator] {
      let converted = try preparer.convertToQuantized(graph, to: form)
      #expect(!kinds(converted).contains { $0.hasPrefix("qat.") }, "\(form): \(kinds(converted))")
      #expect(converted.variables.isEmpty)
      try converted.verify(evaluation: true)
    }
    let integers = try preparer.convertToQuantized(graph, to: .qoperator)
    #expect(kinds(integers).isDisjoint(with: ["Conv", "Gemm", "Add"]))
    #expect(
      kinds(integers) == [
        "QuantizeLinear", "QLinearConv", "com.microsoft.QLinearAdd", "MaxPool", "Flatten",
        "com.microsoft.QGemm", "DequantizeLinear",
      ])
  }

  @Test("stores weights as int8 by the scales of training, and biases as int32") func codes()
    throws
  {
    var (preparer, graph) = try trained()
    let statistics = try preparer.statistics(of: graph)
    let converted = try preparer.convertToQuantized(graph)
    for (layer, weight, channels) in [
      ("conv1", "conv1.weight", 2), ("conv2", "conv2.weight", 2), ("logits", "dense.weight", 3),
    ] {
      let stored = try codes(1, of: layer, in: converted)
      #expect(stored.element == .i8, "\(weight)")
      let values = try graph.floats(weight), inner = values.count / channels
      let expected = values.indices.map { index -> Int in
        let channel = index / inner
        let largest = values[channel * inner..<(channel + 1) * inner].map(abs).max() ?? 0
        return ReferenceGrid.symmetric(low: -127, high: 127, magnitude: largest).code(values[index])
      }
      #expect(stored.integers == expected, "\(weight)")
    }
    for (layer, bias) in [("conv1", "conv1.bias"), ("logits", "dense.bias")] {
      let stored = try codes(2, of: layer, in: converted)
      let scales = try statistics.quantizer(of: bias).scales
      #expect(stored.element == .i32)
      #expect(
        stored.integers
          == zip(try graph.floats(bias), scales).map { Int(($0 / $1).rounded(.toNearestOrEven)) })
    }
  }

  @Test("keeps the scales of training, for a code more or less nowhere") func scales() throws {
    var (preparer, graph) = try trained()
    let before = try preparer.statistics(of: graph)
    let after = try preparer.statistics(of: preparer.convertToQuantized(graph))
    for name in ["image", "relu", "conv2", "sum", "logits"] {
      let old = try before.quantizer(of: name)
      #expect(
        after.quantizers.contains {
          $0.kind == .activations && $0.scales == old.scales && $0.zeroPoints == old.zeroPoints
        }, "\(name)")
    }
  }

  @Test("computes what training evaluated, bit for bit, for any batch") func transparent() throws {
    var (preparer, graph) = try trained()
    let contents = graph.contents
    let simulation = try Session(graph)
    let integers = try Session(preparer.convertToQuantized(graph, to: .qoperator))
    let fused = try Session(preparer.convertToQuantized(graph, to: .qdq), mode: .integer)
    for count in [1, 3, 8] {
      for seed in 0..<4 {
        let inputs = ["image": tensor([count, 1, 6, 6], seed, scale: 3 + Float(seed))]
        let expected = try simulation.run(inputs)
        #expect(try integers.run(inputs) == expected && fused.run(inputs) == expected)
      }
    }
    #expect(simulation.variables == contents && graph.contents == contents)
  }

  @Test("keeps the model's inputs and outputs, and the trained model") func interface() throws {
    var (preparer, graph) = try trained()
    let copy = graph
    for form in QuantizedForm.allCases where form.observesActivations {
      let converted = try preparer.convertToQuantized(graph, to: form)
      for (a, b) in [(converted.inputs, graph.inputs), (converted.outputs, graph.outputs)] {
        #expect(a.map { converted[$0].name } == b.map { graph[$0].name })
        #expect(a.map { converted[$0].type } == b.map { graph[$0].type })
      }
    }
    #expect(graph == copy)
    // Converting twice is converting once.
    #expect(
      try preparer.convertToQuantized(graph) == preparer.convertToQuantized(graph))
  }

  @Test("comes through a file: the same model, the same outputs") func file() throws {
    var (preparer, graph) = try trained()
    let inputs = images(batches: 6)[5]
    for form in [QuantizedForm.qdq, .qoperator] {
      let converted = try preparer.convertToQuantized(graph, to: form)
      let path = temporaryPath("converted.onnx")
      try GraphFiles.write(converted, to: path)
      let read = try GraphFiles.read(path)
      #expect(read == converted)
      #expect(try Session(read, mode: .integer).run(inputs) == Session(graph).run(inputs))
    }
  }

  @Test("of narrow grids keeps codes in bytes, inside of the grid", arguments: [2, 3, 4])
  func narrow(_ bits: Int) throws {
    var config = minMaxConfig
    config.weights?.bits = bits
    config.activations?.bits = bits
    var (preparer, graph) = try trained(config)
    let integers = try preparer.convertToQuantized(graph, to: .qoperator)
    let largest = (1 << (bits - 1)) - 1
    let weights = integers.constants.compactMap { integers[$0].constant }
      .filter { $0.element == .i8 && $0.elementCount > 3 }
    #expect(weights.count == 3)
    for codes in weights {
      #expect(codes.integers?.allSatisfy { abs($0) <= largest } == true)
    }
    let inputs = images(batches: 2)[1]
    #expect(try Session(integers).run(inputs) == Session(graph).run(inputs))
  }

  @Test("of trained scales deploys them as they were learned") func learned() throws {
    let config = try QuantizationConfig(
      yaml: """
        weights: {bits: 4, quantizer: lsq}
        activations: {bits: 4, quantizer: lsq+}
        warmupBatches: 2
        """)
    var (preparer, graph) = try trained(config)
    let converted = try preparer.convertToQuantized(graph)
    let step = try graph.floats("dense.weight.step")
    let scales = try preparer.statistics(of: converted).quantizer(of: "dense.weight").scales
    #expect(scales == step)
    let inputs = images(batches: 2)[1]
    #expect(
      try Session(converted, mode: .integer).run(inputs) == Session(graph).run(inputs))
  }
}
