import QATCore
import QATData
import QATIR
import QATPasses
import QATTraining
import Testing

@Suite("Telemetry")
struct TelemetryTests {
  /// loss = mean((x · q(w) - t)²), q on i3 with scale 0.5: codes -4…3, values -2…1.5.
  private func line(_ weights: [Float], straightThrough: String = "clipped") throws -> TrainingStep
  {
    var graph = Graph(name: "line")
    let x = graph.addInput(
      "x", TensorType(.f32, Shape([Dimension(symbol: "N"), Dimension(weights.count)])))
    let w = graph.addVariable("w", AnyTensor(shape: [weights.count, 1], weights))
    let scale = graph.addConstant("scale", AnyTensor(Float(0.5)))
    let zero = graph.addConstant("zero", AnyTensor(Int32(0)))
    let op = try FakeQuantize(
      grid: IntegerGrid(bits: 3, signed: true), straightThrough: straightThrough)
    let q = try graph.addNode(op, [w, scale, zero], name: "w.quantized")
    let y = try graph.addNode(MatMul(), [x, graph[q].result], name: "y")
    graph.setOutputs([graph[y].result])
    var options = TrainingOptions()
    options.loss = .mse
    options.optimizer.momentum = 0
    return try TrainingStep(graph, options)
  }

  private func batch(_ x: [Float], _ target: Float) -> Batch {
    Batch(
      inputs: ["x": AnyTensor(shape: [1, x.count], x)],
      labels: AnyTensor(shape: [1, 1], [target]))
  }

  @Test("measures a case that can be worked out by hand") func byHand() throws {
    // w / s = 0.5, 1.5, 2.6, 4, -5, 0: rounded to even 0, 2, 3, 4, -5, 0; two lie outside of -4…3.
    let step = try line([0.25, 0.75, 1.3, 2, -2.5, 0]), telemetry = try Telemetry(of: step)
    // y = 0 + 1 + 1.5 + 1.5 - 2 + 0 = 2, dy = 2 (2 - 0.5) = 3 for every w whose code is inside.
    _ = try step.run(batch([1, 1, 1, 1, 1, 1], 0.5), learningRate: 0)
    let quantizer = try #require(telemetry.quantizers.first)
    #expect(quantizer.name == "w" && quantizer.grid == "i3" && quantizer.isWeight)
    #expect(quantizer.channels == 1 && telemetry.quantizers.count == 1)
    let record = try #require(telemetry.records.first), measure = record.measures[0]
    #expect(record.step == 0 && record.loss == 2.25 && record.quantizes)
    #expect(measure.scale == [0.5] && measure.zeroPoint == [0])
    #expect(measure.minimum == -2.5 && measure.maximum == 2)
    #expect(measure.saturation == 2.0 / 6)
    // Codes 0, 2, 3, 3, -4, 0 of eight.
    #expect(measure.deadCodes == 4.0 / 8)
    // Errors 0.25, -0.25, -0.2, 0.5, -0.5, 0.
    let signal = 0.0625 + 0.5625 + 1.69 + 4 + 6.25, noise = 0.0625 + 0.0625 + 0.04 + 0.25 + 0.25
    // 10 log10 18.8947 = 12.7634 dB.
    #expect(abs(measure.sqnr - 12.7634) < 1e-4 && abs(signal / noise - 18.8947) < 1e-3)
    #expect(measure.gradientNorm == (4 * 9.0).squareRoot())
    #expect(measure.passThrough == 4.0 / 6)
    #expect(measure.oscillations == 0 && measure.oscillating == 0)
  }

  @Test("counts codes that flip back") func oscillations() throws {
    // Nagel et al.: a change counts where it is against the last change.
    var one = Oscillations()
    for codes in [[0, 5], [1, 5], [1, 4], [0, 3], [0, 2], [1, 3], [2, 3]] as [[Int32]] {
      one.add(codes)
    }
    // First code: +1, 0, -1 (back), 0, +1 (back), +1. Second: 0, -1, -1, -1, +1 (back), 0.
    #expect(one.count == 3)
    #expect(one.share == 1)
    // 1 % of a step is forgotten after log(0.5) / log(0.99) = 69 quiet ones.
    for _ in 0..<68 { one.add([2, 3]) }
    #expect(one.share == 0.5)
    for _ in 0..<70 { one.add([2, 3]) }
    #expect(one.share == 0)
  }

  @Test("sees a weight swing between two codes") func swinging() throws {
    let step = try line([0.74]), telemetry = try Telemetry(of: step, every: 3)
    // q(w) is 0.5 or 1; the target 0.75 lies between: the gradient changes its sign at each crossing.
    for _ in 0..<9 { _ = try step.run(batch([1], 0.75), learningRate: 0.1) }
    // 0.74 -> 0.79 -> 0.74 …: a change in every step, back in every one but the first.
    #expect(telemetry.records.map(\.step) == [0, 3, 6])
    #expect(telemetry.records.map { $0.measures[0].oscillations } == [0, 2, 3])
    #expect(telemetry.records.map { $0.measures[0].oscillating } == [0, 1, 1])
    #expect(telemetry.records.map { $0.measures[0].scale } == [[0.5], [0.5], [0.5]])
  }

  @Test("lets everything pass where the estimator is plain, or nothing rounds yet") func plain()
    throws
  {
    let step = try line([2, 0.3], straightThrough: "plain"), telemetry = try Telemetry(of: step)
    _ = try step.run(batch([1, 1], 0), learningRate: 0)
    #expect(telemetry.records[0].measures[0].passThrough == 1)
    #expect(telemetry.records[0].measures[0].saturation == 0.5)
    let clipped = try line([2, 0.3]), other = try Telemetry(of: clipped)
    try clipped.setForm(quantizes: false, freezesBatchNorm: false)
    _ = try clipped.run(batch([1, 1], 0), learningRate: 0)
    #expect(other.records[0].measures[0].passThrough == 1 && !other.records[0].quantizes)
  }

  @Test("agrees with the gradients that the optimizer takes, and changes none of them")
  func transparent() throws {
    let data = try digits(48)
    var trainer = Trainer()
    (trainer.epochs, trainer.batchSize, trainer.learningRate) = (2, 16, 0.05)
    trainer.quantizationDelay = 2
    var options = TrainingOptions()
    options.optimizer.momentum = 0
    let plain = try TrainingStep(quantizedConvNet(), options)
    let watched = try TrainingStep(quantizedConvNet(), options)
    let history = try trainer.train(plain, on: data)
    var norms: [Double] = []
    try watched.addBackwardHook(on: "dense.weight") { event in
      norms.append((event.value.doubles ?? []).reduce(0) { $0 + $1 * $1 }.squareRoot())
    }
    let telemetry = try Telemetry(of: watched)
    #expect(try trainer.train(watched, on: data) == history)
    #expect(watched.variables == plain.variables)
    #expect(telemetry.records.map(\.step) == Array(0..<6))
    #expect(telemetry.records.map(\.quantizes) == [false, false, true, true, true, true])
    let names = telemetry.quantizers.map(\.name)
    let weight = try #require(names.firstIndex(of: "dense.weight"))
    let image = try #require(names.firstIndex(of: "image"))
    for (record, norm) in zip(telemetry.records, norms) {
      let measure = record.measures[weight]
      // float32 gradients, summed in double precision on both sides.
      #expect(abs((measure.gradientNorm ?? 0) - norm) < 1e-9 * max(norm, 1e-3))
      #expect(measure.scale.count == 10 && measure.saturation == 0)
      #expect(record.measures[image].gradientNorm == nil)
      #expect(record.measures[image].oscillations == nil)
    }
    try telemetry.detach()
    _ = try watched.run(data.batch([0, 1]), learningRate: 0)
    #expect(telemetry.records.count == 6)
  }

  @Test("is written as arrays that read back") func file() throws {
    let step = try TrainingStep(quantizedConvNet()),
      telemetry = try Telemetry(of: step, every: 2, first: 10)
    for _ in 0..<3 { _ = try step.run(digits(8).batch(Array(0..<8)), learningRate: 0.01) }
    let path = temporaryPath("telemetry.npz")
    try telemetry.write(to: path)
    let arrays = try NPZ.read(path), count = telemetry.quantizers.count
    #expect(arrays["step"]?.elements(as: Int64.self) == [10, 12])
    let scales = telemetry.quantizers.reduce(0) { $0 + $1.channels }
    #expect(arrays["scale"]?.shape == [2, scales] && arrays["sqnr"]?.shape == [2, count])
    let metadata = String(
      decoding: try #require(arrays["metadata"]?.elements(as: UInt8.self)), as: UTF8.self)
    #expect(metadata == telemetry.metadata && metadata.contains("\"name\": \"conv.weight\""))
    // A weight's scale is the largest magnitude of its channel in 127 steps.
    let index = try #require(telemetry.quantizers.firstIndex { $0.name == "conv.weight" })
    let first = telemetry.quantizers[..<index].reduce(0) { $0 + $1.channels }
    let kernel = try #require(
      step.graph.value(named: "conv.weight").flatMap {
        step.graph[$0].variable?.elements(as: Float.self)
      })
    let scale = try #require(arrays["scale"]?.elements(as: Float.self))
    for channel in 0..<4 {
      let largest = kernel[channel * 9..<(channel + 1) * 9].map(abs).max() ?? 0
      #expect(scale[first + channel] == largest / 127)
    }
    #expect(throws: Diagnostic.self) { try Telemetry(of: step, every: 0) }
    #expect(throws: Diagnostic.self) { try Telemetry(of: TrainingStep(convNet())) }
  }
}
