import QATConfig
import QATCore
import QATData
import QATIR
import QATPasses
import QATRewrite
import QATTraining
import Testing

@Suite("Training learned quantizers")
struct LearnedTrainingTests {
  private func config(_ text: String) throws -> QuantizationConfig {
    try QuantizationConfig(yaml: text)
  }

  /// The small net with learned quantizers; not calibrated, so that the first batches set them.
  private func net(_ yaml: String) throws -> Graph {
    var graph = try convNet()
    var context = PassContext()
    context[QuantizationConfig.self] = try config(yaml)
    try Pipeline([ApplyLayerConfig(), InsertFakeQuant(), ShareScales()]).run(on: &graph, &context)
    return graph
  }

  private static let lsq = """
    weights: {bits: 3, quantizer: lsq}
    activations: {bits: 3, quantizer: lsq}
    warmupBatches: 2
    """

  private func batch(_ count: Int) throws -> Batch { try digits(count).batch(Array(0..<count)) }

  private func number(_ step: TrainingStep, _ name: String) throws -> Float {
    try #require(step.variables[name]?.elements(as: Float.self)?.first)
  }

  @Test(
    "follows the first batches, then learns", arguments: ["lsq", "lsq+", "pact"])
  func warmup(_ method: String) throws {
    let step = try TrainingStep(
      net(
        """
        weights: {bits: 4, quantizer: lsq}
        activations: {bits: 4, quantizer: '\(method)'}
        warmupBatches: 2
        """))
    let batch = try batch(32), name = "image." + (method == "pact" ? "clip" : "step")
    _ = try step.run(batch, learningRate: 0.05)
    let first = try number(step, name), weight = try number(step, "dense.weight.step")
    #expect(step.variables["image.batches"]?.integers == [1])
    _ = try step.run(batch, learningRate: 0.05)
    // The same batch says the same; a weight's scale is seen whole before the first step.
    #expect(try number(step, name) == first && number(step, "image.initial") == first)
    #expect(try number(step, "dense.weight.step") != weight)
    _ = try step.run(batch, learningRate: 0.05)
    #expect(try number(step, name) != first && number(step, "image.initial") == first)
  }

  @Test("lowers the loss", arguments: ["lsq", "lsq+", "pact"]) func learning(_ method: String)
    throws
  {
    let step = try TrainingStep(
      net(
        """
        weights: {bits: 3, quantizer: lsq}
        activations: {bits: 3, quantizer: '\(method)'}
        warmupBatches: 1
        layers: [{match: last, activations: {bits: 8}}]
        """))
    let batch = try batch(32), first = try step.run(batch, learningRate: 0.05)
    var last = first
    for _ in 0..<25 { last = try step.run(batch, learningRate: 0.05) }
    #expect(last < 0.6 * first, "\(first) -> \(last)")
  }

  @Test("has a rate, a decay and a bound of its own for each quantizer") func settings() throws {
    func moved(_ settings: String) throws -> Float {
      var options = TrainingOptions()
      options.optimizer.momentum = 0
      let step = try TrainingStep(
        net(
          "weights: {bits: 3, quantizer: {kind: lsq\(settings)}}\nactivations: float"), options)
      let old = try number(step, "dense.weight.step")
      _ = try step.run(batch(32), learningRate: 0.125)
      return try number(step, "dense.weight.step") - old
    }
    let plain = try moved("")
    #expect(plain != 0)
    #expect(try moved(", learningRateFactor: 0") == 0)
    // Of a difference of two numbers near 0.1, 1e-8 is a rounding.
    #expect(try abs(moved(", learningRateFactor: 0.5") - plain / 2) < 2e-8)
    let step = try number(
      TrainingStep(net("weights: {bits: 3, quantizer: lsq}")), "dense.weight.step")
    #expect(try abs(moved(", weightDecay: 0.25") - (plain - 0.125 * 0.25 * step)) < 2e-8)
    let bound = abs(plain) / 0.125 / 64
    let clipped = try moved(", clip: \(bound)")
    // The bound is about the norm over all ten channels of the weight.
    #expect(abs(clipped) <= 0.125 * bound * 1.01 + 1e-8 && clipped * plain > 0)
  }

  @Test("leaves the scales of a frozen layer where its weights have them") func frozen() throws {
    var graph = try convNet()
    var context = PassContext()
    context[QuantizationConfig.self] = try config(
      "weights: {bits: 3, quantizer: lsq}\nlayers: [{match: last, trainable: false}]")
    let passes: [any Pass] = [Freeze(), ApplyLayerConfig(), MakeTrainable(), InsertFakeQuant()]
    try Pipeline(passes).run(on: &graph, &context)
    let step = try TrainingStep(graph)
    _ = try step.run(batch(16), learningRate: 0.1)
    let before = step.variables
    for _ in 0..<2 { _ = try step.run(batch(16), learningRate: 0.1) }
    #expect(step.variables["dense.weight.step"] == before["dense.weight.step"])
    #expect(step.variables["conv.weight.step"] != before["conv.weight.step"])
    #expect(step.variables["dense.weight.step.velocity"] == nil)
  }

  @Test("counts what it puts back, and keeps scales above 0") func projections() throws {
    let step = try TrainingStep(
      net(
        """
        weights: {bits: 2, quantizer: {kind: lsq, learningRateFactor: 1000000}}
        activations: float
        """))
    for _ in 0..<3 { _ = try step.run(batch(16), learningRate: 0.1) }
    #expect(!step.projections.isEmpty && step.projections.allSatisfy { $0.count > 0 })
    for (name, tensor) in step.variables where name.hasSuffix(".step") {
      #expect(tensor.elements(as: Float.self)?.allSatisfy { $0 > 0 } == true, "\(name)")
    }
  }

  @Test("follows the weights until it quantizes") func delay() throws {
    var trainer = Trainer()
    (trainer.epochs, trainer.batchSize, trainer.learningRate) = (1, 16, 0.2)
    let graph = try net(Self.lsq + "\nquantizationDelay: 3")
    #expect(graph.metadata["qat.schedule"] == "delay=3")
    let step = try TrainingStep(graph)
    var steps: [Float] = [], expected: [Float] = []
    try trainer.train(step, on: digits(16 * 5)) { progress throws(Diagnostic) in
      let variables = step.variables
      steps.append(variables["dense.weight.step"]?.elements(as: Float.self)?.first ?? .nan)
      let row = variables["dense.weight"]?.elements(as: Float.self)?.prefix(64) ?? []
      // The next batch begins with 2 · mean|w| / √Qp of this weight.
      expected.append(
        Float(2 * row.reduce(0.0) { $0 + Double(abs($1)) } / 64) / Float(3).squareRoot())
    }
    for index in 0..<2 { #expect(abs(steps[index + 1] - expected[index]) < 1e-6) }
    #expect(abs(steps[4] - expected[3]) > 1e-6)
  }

  private func trainer(_ path: String? = nil) -> Trainer {
    var trainer = Trainer()
    (trainer.epochs, trainer.batchSize, trainer.seed) = (4, 16, 3)
    (trainer.learningRate, trainer.schedule, trainer.checkpoint) = (0.05, .cosine, path)
    return trainer
  }

  private static let staged = """
    weights: {bits: 2, quantizer: lsq}
    activations: {bits: 2, quantizer: lsq+}
    warmupBatches: 1
    quantizationDelay: 2
    freezeObservers: 10
    freezeBatchNorm: {epoch: 3}
    stages: [{bits: 8}, {step: 4, bits: 4}, {epoch: 2, weights: 3, activations: 3}, {step: 8, bits: 2}]
    layers: [{match: last, activations: {bits: 8}}]
    """

  /// 40 digits in batches of 16: three steps an epoch, twelve in all.
  @Test("passes through the stages of its schedule") func stages() throws {
    let step = try TrainingStep(net(Self.staged))
    var forms: [TrainingForm] = []
    try trainer().train(step, on: digits(40)) { _ in forms.append(step.form) }
    #expect(forms.map(\.weightBits) == [8, 8, 8, 8, 4, 4, 3, 3, 2, 2, 2, 2])
    #expect(forms.map(\.activationBits) == forms.map(\.weightBits))
    #expect(
      forms.map(\.quantizes) == Array(repeating: false, count: 2)
        + Array(repeating: true, count: 10))
    #expect(forms.map(\.freezesBatchNorm) == (0..<12).map { $0 >= 9 })
    #expect(forms.map(\.freezesObservers) == (0..<12).map { $0 >= 10 })
    let grids = step.evaluationGraph.learnedGrids
    #expect(grids["dense.weight.batches"]?.bits == 2 && grids["image.batches"]?.bits == 2)
  }

  @Test("keeps observed ranges from the step on that freezes them") func frozenRanges() throws {
    let step = try TrainingStep(quantizedConvNet())
    var trainer = trainer()
    trainer.observerFreezeStep = 4
    var ranges: [[String: AnyTensor]] = [], weights: [AnyTensor?] = []
    try trainer.train(step, on: digits(40)) { _ in
      ranges.append(
        step.variables.filter { $0.key.hasSuffix(".max") || $0.key.hasSuffix(".batches") })
      weights.append(step.variables["dense.weight"])
    }
    #expect(!ranges[0].isEmpty && ranges[2] != ranges[3])
    #expect(ranges[4...].allSatisfy { $0 == ranges[3] } && weights[4] != weights[3])
  }

  @Test("computes on the grids of the stage, and begins anew with each") func widened() throws {
    let step = try TrainingStep(net(Self.staged)), batch = try batch(16)
    func scale(_ bits: Int) throws -> Float {
      try step.setForm(TrainingForm(weightBits: bits, activationBits: bits))
      _ = try step.run(batch, learningRate: 0)
      return try number(step, "dense.weight.step")
    }
    let two = try scale(0), eight = try scale(8), four = try scale(4)
    #expect(abs(eight * Float(127).squareRoot() - two) < 1e-6)
    #expect(abs(four * Float(7).squareRoot() - two) < 1e-6)
    let current = step.currentGraph, deployed = step.evaluationGraph
    #expect(current.learnedGrids["dense.weight.batches"]?.bits == 4)
    #expect(deployed.learnedGrids["dense.weight.batches"]?.bits == 2)
  }

  @Test(
    "ends in the same bits where it was interrupted and resumed, in any stage",
    arguments: [1, 2, 4, 5, 6, 8, 9, 11])
  func resume(_ steps: Int) throws {
    let data = try digits(40), path = temporaryPath("learned.ckpt")
    let whole = try TrainingStep(net(Self.staged))
    let history = try trainer().train(whole, on: data)
    var first = trainer(path)
    first.stepLimit = steps
    try first.train(TrainingStep(net(Self.staged)), on: data)
    let resumed = try TrainingStep(net(Self.staged))
    let rest = try trainer().train(resumed, on: data, resume: Checkpoint(path: path))
    #expect(rest == history)
    #expect(resumed.variables == whole.variables)
  }

  @Test("refuses another schedule than that of the checkpoint, and one that ends too wide")
  func mistakes() throws {
    let data = try digits(40), path = temporaryPath("schedule.ckpt")
    var first = trainer(path)
    first.stepLimit = 3
    try first.train(TrainingStep(net(Self.staged)), on: data)
    let other = try net(Self.staged.replacing("step: 4", with: "step: 5"))
    let changed = #expect(throws: Diagnostic.self) {
      try trainer().train(TrainingStep(other), on: data, resume: Checkpoint(path: path))
    }
    #expect(changed?.code == .invalidOption)
    let wide = try net(Self.staged.replacing(", {step: 8, bits: 2}", with: ""))
    let error = #expect(throws: Diagnostic.self) {
      try trainer().train(TrainingStep(wide), on: data)
    }
    #expect(error?.code == .configuration && error?.hint?.contains("2 bits") == true)
    let backwards = try net(
      Self.staged.replacing("{epoch: 2,", with: "{epoch: 1,"))
    let order = #expect(throws: Diagnostic.self) {
      try trainer().train(TrainingStep(backwards), on: data)
    }
    #expect(order?.code == .configuration)
  }
}
