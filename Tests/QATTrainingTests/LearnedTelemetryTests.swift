import QATConfig
import QATCore
import QATData
import QATIR
import QATPasses
import QATRewrite
import QATTraining
import Testing

/// What telemetry says of quantizers whose scales are trained, of stages, and of scales per group.
@Suite("Telemetry of learned quantizers")
struct LearnedTelemetryTests {
  private func net(_ yaml: String) throws -> Graph {
    var graph = try convNet(), context = PassContext()
    context[QuantizationConfig.self] = try QuantizationConfig(yaml: yaml)
    try Pipeline([ApplyLayerConfig(), InsertFakeQuant(), ShareScales()]).run(on: &graph, &context)
    return graph
  }

  private func norm(_ values: [Float]) -> Double {
    values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
  }

  @Test("lets through what lies strictly inside before rounding", arguments: ["lsq", "pact"])
  func strictBounds(_ method: String) throws {
    // On i3 with scale 0.5, -4 and 3 are the ends: x / s = -4, 3, 3.48 and -4.4 round onto the grid, and
    // lie on its border or outside.
    let weights: [Float] = [-2, 1.5, 1.74, -2.2, 0.25, -0.9]
    var graph = Graph(name: "line")
    let x = graph.addInput("x", TensorType(.f32, Shape([Dimension(symbol: "N"), 6])))
    let w = graph.addVariable("w", AnyTensor(shape: [6, 1], weights))
    let scale = graph.addConstant("scale", AnyTensor(Float(0.5)))
    let zero = graph.addConstant("zero", AnyTensor(Int32(0)))
    let op = try FakeQuantize(grid: IntegerGrid(bits: 3, signed: true), straightThrough: method)
    let q = try graph.addNode(op, [w, scale, zero], name: "w.quantized")
    let y = try graph.addNode(MatMul(), [x, graph[q].result], name: "y")
    graph.setOutputs([graph[y].result])
    var options = TrainingOptions()
    options.loss = .mse
    let step = try TrainingStep(graph, options), telemetry = try Telemetry(of: step)
    var gradient: [Float] = []
    try step.addBackwardHook(on: "w") { gradient = $0.value.elements(as: Float.self) ?? [] }
    let ones = AnyTensor(shape: [1, 6], [1, 1, 1, 1, 1, 1] as [Float])
    _ = try step.run(
      Batch(inputs: ["x": ones], labels: AnyTensor(shape: [1, 1], [1] as [Float])), learningRate: 0)
    #expect(gradient.map { $0 != 0 } == [false, false, false, false, true, true])
    let measure = telemetry.records[0].measures[0]
    #expect(measure.saturation == 0 && measure.passThrough == 2.0 / 6)
    #expect(measure.gradientNorm == norm(gradient))
  }

  @Test(
    "has a row for each, with the scales of its step and the gradients that go on",
    arguments: ["lsq", "lsq+", "pact"])
  func rows(_ method: String) throws {
    let step = try TrainingStep(
      net(
        """
        weights: {bits: 3, quantizer: lsq}
        activations: {bits: 3, quantizer: '\(method)'}
        warmupBatches: 1
        """))
    var norms: [String: Double] = [:]
    for name in ["conv.weight", "dense.weight", "relu"] {
      try step.addBackwardHook(on: name) { event in
        norms[event.name] = norm(event.value.elements(as: Float.self) ?? [])
      }
    }
    let telemetry = try Telemetry(of: step), batch = try digits(32).batch(Array(0..<32))
    let names = telemetry.quantizers.map(\.name)
    #expect(Set(["image", "conv.weight", "relu", "dense.weight"]).isSubset(of: names))
    var moved: Set<Float> = []
    for count in 0..<4 {
      let before = step.variables
      _ = try step.run(batch, learningRate: 0.02)
      let record = try #require(telemetry.records.last)
      #expect(telemetry.records.count == count + 1 && record.measures.count == names.count)
      for (name, measure) in zip(names, record.measures) {
        #expect(measure.sqnr > 0 && (0...1).contains(measure.deadCodes), "\(name)")
        guard let expected = norms[name] else { continue }
        let found = try #require(measure.gradientNorm)
        // float32 gradients, summed in double precision on both sides.
        #expect(abs(found - expected) <= 1e-9 * max(expected, 1e-3), "\(name), step \(count)")
        #expect(try #require(measure.passThrough) <= 1)
      }
      // A weight's scale is the variable as the step found it.
      let index = try #require(names.firstIndex(of: "dense.weight"))
      #expect(
        record.measures[index].scale == before["dense.weight.step"]?.elements(as: Float.self))
      moved.insert(record.measures[index].scale[0])
    }
    #expect(moved.count == 4)
  }

  @Test("measures stages on the grids they have") func stages() throws {
    let graph = try net(
      """
      weights: {bits: 2, quantizer: lsq}
      activations: {bits: 4}
      stages: [{bits: 8}, {epoch: 1, bits: 2}]
      """)
    let step = try TrainingStep(graph), telemetry = try Telemetry(of: step)
    var trainer = Trainer()
    (trainer.epochs, trainer.batchSize, trainer.learningRate) = (2, 16, 0.01)
    try trainer.train(step, on: digits(48))
    let index = try #require(telemetry.quantizers.firstIndex { $0.name == "dense.weight" })
    #expect(telemetry.quantizers[index].grid.hasPrefix("i2"))
    let ratios = telemetry.records.map { $0.measures[index].sqnr }
    let saturated = telemetry.records.map { $0.measures[index].saturation }
    // Eight bits are far above 25 dB, two far below; and eight bits saturate next to nothing.
    #expect(ratios.count == 6 && ratios[..<3].allSatisfy { $0 > 25 } && saturated[0] < 0.05)
    #expect(ratios[3...].allSatisfy { $0 < 15 })
  }

  @Test("measures scales per group") func groups() throws {
    let step = try TrainingStep(
      net("weights: {bits: 4, granularity: {per-group: 16}}\nactivations: float"))
    let telemetry = try Telemetry(of: step)
    _ = try step.run(digits(16).batch(Array(0..<16)), learningRate: 0)
    let index = try #require(telemetry.quantizers.firstIndex { $0.name == "dense.weight" })
    let measure = telemetry.records[0].measures[index]
    let weight = try #require(step.variables["dense.weight"]?.elements(as: Float.self))
    // [10, 64] in runs of 16 along the second axis; narrow: 7 steps for the largest.
    #expect(measure.scale.count == 40 && measure.saturation == 0)
    for (block, scale) in measure.scale.enumerated() {
      let row = block / 4 * 64 + block % 4 * 16
      #expect(scale == (weight[row..<row + 16].map(abs).max() ?? 0) / 7)
    }
  }
}
