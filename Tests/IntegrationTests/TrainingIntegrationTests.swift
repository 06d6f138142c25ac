import QAT
import Testing

/// Prepared models in the training loop.
@Suite("Training integration")
struct TrainingIntegrationTests {
  private func prepared(_ config: QuantizationConfig, batches: Int = 2) throws -> Graph {
    let graph = try digitNet()
    var preparer = QATPreparer(
      config, calibration: try Digits.calibration(graph, batches: batches))
    return try preparer.prepareForQAT(graph)
  }

  private func trainer(_ rate: Float = 0.05) -> Trainer {
    var trainer = Trainer()
    (trainer.batchSize, trainer.seed, trainer.learningRate) = (32, 1, rate)
    return trainer
  }

  private static let learned = """
    weights: {bits: 4, quantizer: lsq}
    activations: {bits: 4, quantizer: lsq}
    warmupBatches: 3
    """

  @Test("lowers the loss, and moves every weight and every scale") func learning() throws {
    let graph = try prepared(.recommended), step = try TrainingStep(graph)
    let test = try Digits.load(.test, limit: 200)
    var trainer = trainer()
    trainer.epochs = 2
    let history = try trainer.train(step, on: Digits.load(.train, limit: 640), validation: test)
    #expect(history.isFinished && history.steps == 40)
    #expect(history.epochs[1].loss < 0.6 * history.epochs[0].loss)
    #expect(try #require(history.epochs[1].validation?.accuracy) > 0.7)
    let trained = step.evaluationGraph
    for name in ["conv1.weight", "conv2.weight", "dense.weight", "dense.bias", "conv1.norm.scale"] {
      #expect(try trained.floats(name) != graph.floats(name), "\(name)")
      #expect(try trained.floats(name).allSatisfy(\.isFinite), "\(name)")
    }
    let before = try QuantizationStatistics(of: graph),
      after = try QuantizationStatistics(of: trained)
    #expect(after.quantizers.map(\.value) == before.quantizers.map(\.value))
    for (old, new) in zip(before.quantizers, after.quantizers) {
      // All images have the same black and white.
      #expect((old.scales == new.scales) == (new.value == "image.quantized"), "\(new.value)")
      #expect(new.scales.allSatisfy { $0 > 0 && $0.isFinite }, "\(new.value)")
    }
    // A weight's scale is that of the weight as it is now.
    let weight = try trained.floats("dense.weight")
    #expect(
      try after.quantizer(of: "dense.weight").scales
        == (0..<10).map { row in (weight[row * 144..<(row + 1) * 144].map(abs).max() ?? 0) / 127 })
  }

  @Test("follows the ranges for the warm-up, then keeps them") func warmup() throws {
    var config = QuantizationConfig.recommended
    config.warmupBatches = 5
    // Two of the five batches were the calibration's.
    let step = try TrainingStep(prepared(config, batches: 2))
    var trainer = trainer(), ranges: [[String: AnyTensor]] = []
    trainer.stepLimit = 6
    try trainer.train(step, on: Digits.load(.train, limit: 320)) { _ in
      ranges.append(
        step.variables.filter { $0.key.hasSuffix(".min") || $0.key.hasSuffix(".max") })
    }
    #expect(ranges.count == 6 && ranges[0].count > 6)
    #expect(ranges[0] != ranges[1] && ranges[1] != ranges[2])
    #expect(ranges[2] == ranges[3] && ranges[2] == ranges[5])
  }

  @Test("moves learned scales by the optimizer, once the warm-up is over") func learnedScales()
    throws
  {
    var options = TrainingOptions()
    options.optimizer.momentum = 0
    let step = try TrainingStep(prepared(QuantizationConfig(yaml: Self.learned)), options)
    let names = ["dense.weight.step", "conv2.relu.step", "image.step"]
    var gradients: [String: [Float]] = [:]
    for name in names {
      try step.addBackwardHook(on: name) { gradients[$0.name] = $0.value.floats }
    }
    let batch = try Digits.load(.train, limit: 32).bound(to: step.graph.modelFields)
      .batch(Array(0..<32))
    for _ in 0..<3 { _ = try step.run(batch, learningRate: 0.01) }
    for _ in 0..<3 {
      let before = step.variables
      _ = try step.run(batch, learningRate: 0.01)
      for name in names {
        let old = try #require(before[name]?.floats),
          new = try #require(step.variables[name]?.floats)
        let gradient = try #require(gradients[name])
        #expect(gradient.contains { $0 != 0 } && new != old, "\(name)")
        for index in old.indices {
          // w - rate · g in float32, in whatever order.
          #expect(abs(new[index] - (old[index] - 0.01 * gradient[index])) <= 1e-6 * abs(old[index]))
        }
      }
    }
    #expect(step.projections.isEmpty)
  }

  @Test("trains in float until the delay is over") func delay() throws {
    var config = minMaxConfig
    config.quantizationDelay = 3
    var float = try digitNet(), context = PassContext()
    try Pipeline("canonicalize,make-trainable", registry: .withPipelines).run(on: &float, &context)
    func losses(_ graph: Graph) throws -> [Float] {
      var losses: [Float] = [], trainer = trainer()
      trainer.stepLimit = 5
      let step = try TrainingStep(graph)
      try trainer.train(step, on: Digits.load(.train, limit: 160)) { losses.append($0.loss) }
      return losses
    }
    let plain = try losses(float), delayed = try losses(prepared(config))
    for index in 0..<3 { #expect(abs(plain[index] - delayed[index]) < 1e-5 * plain[index]) }
    #expect(abs(plain[3] - delayed[3]) > 1e-5 * plain[3])
    #expect(abs(plain[3] - delayed[3]) < 0.1 * plain[3])
  }

  @Test("is not changed by who evaluates in between") func transparent() throws {
    let data = try Digits.load(.train, limit: 160), test = try Digits.load(.test, limit: 64)
    func trained(_ watch: (TrainingStep) throws(Diagnostic) -> Void) throws -> [String: AnyTensor] {
      let step = try TrainingStep(prepared(QuantizationConfig(yaml: Self.learned)))
      try trainer().train(step, on: data) { _ throws(Diagnostic) in try watch(step) }
      return step.variables
    }
    let watched = try trained { step throws(Diagnostic) in
      let before = step.variables
      let graph = step.evaluationGraph
      _ = try Evaluator(loss: .crossEntropy).evaluate(graph, test)
      _ = try QuantizationStatistics(of: graph)
      _ = try Evaluator().evaluate(Session(graph, mode: .integer), test)
      guard step.variables == before else {
        throw Diagnostic(.invalidGraph, "evaluating moved a variable")
      }
    }
    #expect(try watched == trained { _ in })
  }

  @Test("has nearly the gradients of the float model where grids are fine") func gradients()
    throws
  {
    var float = try branchedNet(), context = PassContext()
    try Pipeline("canonicalize,make-trainable", registry: .withPipelines).run(on: &float, &context)
    let batch = images(batches: 3)[2]
    var config = minMaxConfig
    config.weights?.bits = 16
    config.activations?.bits = 16
    var preparer = QATPreparer(config, calibration: CalibrationData([batch]))
    let prepared = try preparer.prepareForQAT(branchedNet())
    let names = ["conv1.weight", "conv1.bias", "conv2.weight", "dense.weight", "dense.bias"]
    func gradients(_ graph: Graph) throws -> [String: [Float]] {
      let step = try TrainingStep(graph)
      var result: [String: [Float]] = [:]
      for name in names {
        try step.addBackwardHook(on: name) { result[$0.name] = $0.value.floats }
      }
      _ = try step.run(
        Batch(
          inputs: batch,
          labels: AnyTensor(shape: [8], [0, 1, 2, 0, 1, 2, 0, 1] as [Int64])), learningRate: 0)
      return result
    }
    let a = try gradients(float), b = try gradients(prepared)
    for name in names {
      let ratio = try decibels(#require(a[name]), #require(b[name]))
      #expect(ratio > 50, "\(name): \(ratio) dB")
    }
  }
}
