import QATConfig
import QATCore
import QATData
import QATIR
import QATPasses
import QATRewrite
import QATRuntime
import QATTraining
import Testing

/// A net that knows digits, in float; made once.
private let trainedNet: Result<Graph, any Error> = Result {
  var trainer = Trainer()
  trainer.epochs = 6
  trainer.learningRate = 0.05
  trainer.seed = 3
  let step = try TrainingStep(convNet())
  try trainer.train(step, on: digits(1000))
  return step.evaluationGraph
}

private func config(_ observer: ObserverConfig.Kind, bits: Int = 8) -> QuantizationConfig {
  var config = QuantizationConfig.recommended
  config.activations?.observer = .init(observer)
  config.activations?.bits = bits
  config.weights?.observer = .init(observer)
  config.weights?.bits = bits
  return config
}

private func context(_ config: QuantizationConfig, data: Int = 256) throws -> PassContext {
  var context = PassContext()
  context[QuantizationConfig.self] = config
  if data > 0 {
    context[CalibrationData.self] = CalibrationData(
      data: try bound(data), batchSize: 64, batches: 0)
  }
  return context
}

/// Digits under the name of the net's input.
private func bound(_ count: Int, _ split: DataSplit = .train) throws -> BoundDataSet {
  try digits(count, split).bound(to: convNet().modelFields)
}

private func run(_ pipeline: String, on graph: inout Graph, _ context: inout PassContext) throws {
  try Pipeline(pipeline, registry: .withPipelines).run(on: &graph, &context)
}

private func accuracy(_ graph: Graph) throws -> Double {
  try #require(try Evaluator().evaluate(graph, digits(300, .test)).accuracy)
}

/// Whether two graphs give the same outputs, bit for bit.
private func agree(_ a: Graph, _ b: Graph) throws -> Bool {
  let batch = try bound(300, .test).batch(Array(0..<300)).inputs
  return try Session(a).run(batch) == Session(b).run(batch)
}

@Suite("Post-training quantization with an observer")
struct ObserverCalibrationTests {
  static let kinds: [ObserverConfig.Kind] = [
    .minMax, .movingAverage(momentum: 0.1), .percentile(99.9), .histogram, .entropy,
  ]

  @Test("lowers to integers that give the same outputs, near those of float", arguments: kinds)
  func calibrate(_ kind: ObserverConfig.Kind) throws {
    let float = try trainedNet.get(), expected = try accuracy(float)
    #expect(expected > 0.85)
    for (bits, loss) in [(8, 0.02), (4, 0.1)] {
      var graph = float, context = try context(config(kind, bits: bits))
      try run("ptq", on: &graph, &context)
      var integers = graph
      try run("lower-qoperator", on: &integers, &context)
      let names = integers.nodes.map { integers[$0].op.name.description }
      #expect(names.contains("QLinearConv") && !names.contains("Conv"))
      #expect(try agree(graph, integers), "\(kind) at \(bits) bits")
      #expect(try accuracy(integers) > expected - loss, "\(kind) at \(bits) bits")
    }
  }

  @Test("does not depend on the size of the batches where the kind does not", arguments: kinds)
  func batches(_ kind: ObserverConfig.Kind) throws {
    if case .movingAverage = kind { return }
    let texts = try [7, 64, 256].map { size in
      var graph = try trainedNet.get(), context = try context(config(kind))
      context[CalibrationData.self] = CalibrationData(
        data: try bound(256), batchSize: size, batches: 0)
      try run("ptq", on: &graph, &context)
      return graph.text()
    }
    #expect(texts[0] == texts[2] && texts[1] == texts[2])
  }

  @Test("of the preset int4-aggressive has weights of 15 levels and float activations")
  func int4() throws {
    var graph = try trainedNet.get(), context = try context(.int4Aggressive, data: 0)
    let float = try accuracy(graph)
    try run("ptq,lower-qdq", on: &graph, &context)
    let weights = graph.nodes.filter { graph[$0].op is DequantizeLinear }
    #expect(weights.count == 2 && graph.nodes.allSatisfy { !(graph[$0].op is QuantizeLinear) })
    for id in weights {
      let codes = try #require(graph[id].operands[0].flatMap { graph[$0].constant?.integers })
      let range = try #require(codes.min())...#require(codes.max())
      #expect(range.lowerBound >= -8 && range.upperBound <= 7 && range.count > 10)
    }
    #expect(try accuracy(graph) > float - 0.05)
  }

  @Test("takes ranges from a table instead of data, and says what does not fit")
  func table() throws {
    var observed = try trainedNet.get(), first = try context(config(.percentile(99)))
    try run("ptq", on: &observed, &first)
    let table = try #require(first[ObservedRanges.self]).table
    #expect(table.ranges.count >= 3 && table.ranges["image"]?.batches == 4)
    var read = try trainedNet.get(), second = try context(config(.percentile(99)), data: 0)
    second[CalibrationTable.self] = try CalibrationTable(yaml: table.yaml)
    try run("ptq", on: &read, &second)
    #expect(read.text() == observed.text())
    #expect(second.remarks.allSatisfy { $0.severity == .note })
    // Another way to observe is said; another model is refused.
    var other = try trainedNet.get()
    second[QuantizationConfig.self] = config(.entropy)
    try run("ptq", on: &other, &second)
    #expect(second.remarks.count { $0.severity == .warning } == table.ranges.count)
    var wrong = table
    wrong.ranges["imagge"] = wrong.ranges.removeValue(forKey: "image")
    second[CalibrationTable.self] = wrong
    var refused = try trainedNet.get()
    let error = #expect(throws: Diagnostic.self) { try run("ptq", on: &refused, &second) }
    #expect(error?.code == .unknownName && error?.hint == "did you mean 'image'?")
    var none = try trainedNet.get(), empty = try context(config(.histogram), data: 0)
    let missing = #expect(throws: Diagnostic.self) { try run("ptq", on: &none, &empty) }
    #expect(missing?.code == .invalidData)
  }

  @Test("on scales that are powers of two gives such scales, and the same outputs")
  func powersOfTwo() throws {
    let float = try trainedNet.get()
    for kind in [ObserverConfig.Kind.minMax, .histogram] {
      var config = config(kind)
      config.weights?.powerOfTwo = true
      config.activations?.powerOfTwo = true
      for pipeline in ["ptq", "qat-prepare,qat-finish"] {
        var graph = float, context = try context(config)
        try run(pipeline, on: &graph, &context)
        #expect(graph.nodes.allSatisfy { !(graph[$0].op is BatchNormalization) })
        var integers = graph, qdq = graph
        try run("lower-qoperator", on: &integers, &context)
        try run("lower-qdq", on: &qdq, &context)
        var scales: [Float] = []
        for id in qdq.nodes where qdq[id].op is DequantizeLinear || qdq[id].op is QuantizeLinear {
          scales += qdq[id].operands[1].flatMap { qdq[$0].constant?.elements(as: Float.self) } ?? []
        }
        #expect(scales.count > 10 && scales.allSatisfy { $0.significand == 1 }, "\(kind)")
        #expect(try agree(graph, integers) && agree(graph, qdq), "\(kind)")
        #expect(try accuracy(integers) > accuracy(float) - 0.03, "\(kind)")
      }
    }
  }

  @Test("refuses a scale for each channel of activations")
  func granularity() throws {
    var config = config(.minMax), graph = try trainedNet.get()
    config.activations?.granularity = .perChannel
    var context = try context(config)
    let error = #expect(throws: Diagnostic.self) { try run("ptq", on: &graph, &context) }
    #expect(error?.code == .unsupported)
  }
}

@Suite("Observers in training")
struct ObserverTrainingTests {
  private func quantized(_ config: QuantizationConfig) throws -> Graph {
    var graph = try convNet(), context = PassContext()
    context[QuantizationConfig.self] = config
    try Pipeline([ApplyLayerConfig(), InsertFakeQuant()]).run(on: &graph, &context)
    return graph
  }

  private func trainer(_ epochs: Int = 3) -> Trainer {
    var trainer = Trainer()
    trainer.epochs = epochs
    trainer.batchSize = 16
    trainer.learningRate = 0.05
    return trainer
  }

  /// The observers' variables.
  private func state(_ step: TrainingStep) -> [String: AnyTensor] {
    let names = step.graph.emptyObserverState
    return step.variables.filter { names[$0.key] != nil }
  }

  @Test("move through warm-up, then stay", arguments: ObserverCalibrationTests.kinds)
  func warmup(_ kind: ObserverConfig.Kind) throws {
    var config = config(kind)
    config.warmupBatches = 3
    let step = try TrainingStep(quantized(config)), data = try digits(80)
    var seen: [[String: AnyTensor]] = []
    for index in 0..<5 {
      let batch = try data.batch(Array(16 * index..<16 * index + 16))
      _ = try step.run(batch, learningRate: 0.05)
      seen.append(state(step).filter { !$0.key.hasSuffix(".batches") })
    }
    #expect(seen[0] != seen[2] && seen[2] == seen[3] && seen[3] == seen[4])
    // Weights have observers too, but for plain ranges.
    let isPlain = kind == .minMax
    #expect((seen[0]["conv.weight.max"] == nil) == isPlain)
    #expect(seen[0].keys.contains { $0.hasSuffix(".bins") } == (kind.usesBins))
  }

  @Test("learn with every kind", arguments: ObserverCalibrationTests.kinds)
  func learning(_ kind: ObserverConfig.Kind) throws {
    var config = config(kind, bits: 4)
    config.weights?.observer.every = 2
    let step = try TrainingStep(quantized(config))
    let history = try trainer(4).train(step, on: digits(160))
    let losses = history.epochs.map(\.loss)
    #expect(losses[3] < 0.6 * losses[0], "\(losses)")
  }

  @Test("are reset before a step, and count anew from there")
  func reset() throws {
    var trainer = trainer(), config = config(.percentile(99))
    config.warmupBatches = 2
    trainer.observerResetStep = 4
    let step = try TrainingStep(quantized(config)), data = try digits(48)
    var bins: [Int64] = []
    try trainer.train(step, on: data) { _ in
      bins.append(step.variables["image.bins"]?.elements(as: Int64.self)?.reduce(0, +) ?? -1)
    }
    // Two batches of 16 images of 64 pixels, then none; from step 4 on again.
    #expect(bins == [1, 2, 2, 2, 1, 2, 2, 2, 2].map { $0 * 1024 })
    #expect(step.variables["image.batches"]?.integers == [5])
    try step.resetObservers()
    #expect(state(step) == step.graph.emptyObserverState)
  }

  @Test("are frozen from a step on")
  func freeze() throws {
    var trainer = trainer()
    trainer.observerFreezeStep = 5
    let step = try TrainingStep(quantized(config(.movingAverage(momentum: 0.1))))
    var states: [[String: AnyTensor]] = []
    try trainer.train(step, on: digits(48)) { _ in states.append(state(step)) }
    #expect(states[3] != states[4] && states[4] == states[5] && states[5] == states[8])
    #expect(step.freezesObservers && step.variables["image.batches"]?.integers == [5])
    trainer.observerResetStep = 5
    let error = #expect(throws: Diagnostic.self) {
      try trainer.train(TrainingStep(convNet()), on: digits(48))
    }
    #expect(error?.code == .invalidOption)
  }

  @Test("end in the same bits where training was interrupted and resumed", arguments: [3, 4, 5])
  func resume(_ steps: Int) throws {
    var trainer = trainer()
    trainer.observerResetStep = 4
    trainer.observerFreezeStep = 7
    let graph = try quantized(config(.histogram)), data = try digits(48)
    let whole = try TrainingStep(graph), resumed = try TrainingStep(graph)
    try trainer.train(whole, on: data)
    var first = trainer
    first.checkpoint = temporaryPath("observers.ckpt")
    first.stepLimit = steps
    try first.train(TrainingStep(graph), on: data)
    let saved = try Checkpoint(path: try #require(first.checkpoint))
    try trainer.train(resumed, on: data, resume: saved)
    #expect(resumed.variables == whole.variables)
  }

  @Test("keep as much after many batches as after one")
  func memory() throws {
    let step = try TrainingStep(quantized(config(.entropy))), data = try digits(32)
    func size() -> Int { step.variables.values.reduce(0) { $0 + $1.storage.byteCount } }
    let before = size()
    for start in stride(from: 0, to: 32, by: 4) {
      _ = try step.run(data.batch(Array(start..<start + 4)), learningRate: 0.01)
      #expect(size() == before)
    }
  }
}

extension ObserverConfig.Kind {
  fileprivate var usesBins: Bool {
    switch self {
    case .minMax, .movingAverage: false
    default: true
    }
  }
}
