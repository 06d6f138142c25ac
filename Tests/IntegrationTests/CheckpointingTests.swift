import QAT
import Testing

/// Interrupted runs that end in the same bits as one that was not.
@Suite("Checkpointing")
struct CheckpointingTests {
  /// A delay of two steps, ranges and scales that are followed for four, BatchNorm statistics that stop,
  /// and a wider grid to begin with: 20 steps of which each kind has some.
  private static let config = """
    weights: {bits: 4, quantizer: lsq}
    activations: {bits: 4, quantizer: lsq+}
    quantizationDelay: 2
    warmupBatches: 4
    freezeBatchNorm: 15
    stages: [{bits: 8}, {epoch: 1, bits: 4}]
    layers:
      - match: first
        weights: {bits: 8, quantizer: observer}
        activations: {bits: 8, quantizer: observer}
    """

  private func prepared() throws -> Graph {
    let graph = try digitNet()
    var preparer = QATPreparer(
      try QuantizationConfig(yaml: Self.config),
      calibration: try Digits.calibration(graph, batches: 1))
    return try preparer.prepareForQAT(graph)
  }

  private var options: TrainingOptions {
    var options = TrainingOptions()
    options.optimizer.kind = .adam
    return options
  }

  private func trainer() -> Trainer {
    var trainer = Trainer()
    (trainer.epochs, trainer.batchSize, trainer.seed) = (2, 32, 5)
    (trainer.learningRate, trainer.schedule) = (0.003, .cosine)
    trainer.augmentations = [RandomShift(pixels: 2)]
    return trainer
  }

  private func data() throws -> any DataSet { try Digits.load(.train, limit: 310) }

  @Test(
    "goes on from the file alone, wherever it stopped, to the same bits",
    arguments: [[1], [2], [5], [10], [14, 3], [19]])
  func resume(_ stops: [Int]) throws {
    let whole = try TrainingStep(prepared(), options)
    let test = try Digits.load(.test, limit: 100)
    let history = try trainer().train(whole, on: data(), validation: test)
    #expect(history.steps == 20 && history.isFinished)

    let path = temporaryPath("run.qat")
    var trainer = trainer()
    trainer.checkpoint = path
    trainer.stepLimit = stops[0]
    try trainer.train(TrainingStep(prepared(), options), on: data(), validation: test)
    for steps in stops.dropFirst() {
      trainer.stepLimit = steps
      let saved = try Checkpoint(path: path)
      let step = try TrainingStep(saved.graph(), options)
      #expect(try !trainer.train(step, on: data(), validation: test, resume: saved).isFinished)
    }
    trainer.stepLimit = nil
    let saved = try Checkpoint(path: path)
    #expect(saved.step == stops.reduce(0, +))
    let last = try TrainingStep(saved.graph(), options)
    #expect(try trainer.train(last, on: data(), validation: test, resume: saved) == history)
    #expect(last.variables == whole.variables)
    var preparer = QATPreparer()
    #expect(
      try preparer.convertToQuantized(last.evaluationGraph, to: .qoperator)
        == preparer.convertToQuantized(whole.evaluationGraph, to: .qoperator))
  }

  @Test("keeps the state of quantizers, observers and the optimizer") func contents() throws {
    let path = temporaryPath("state.qat")
    var trainer = trainer()
    (trainer.checkpoint, trainer.stepLimit) = (path, 7)
    let step = try TrainingStep(prepared(), options)
    try trainer.train(step, on: data())
    let saved = try Checkpoint(path: path)
    #expect(saved.variables == step.variables && saved.step == 7 && saved.epoch == 0)
    for name in [
      "image.min", "image.max", "image.batches", "dense.weight.step", "dense.weight.initial",
      "conv2.relu.offset", "dense.weight.step.projections", "dense.weight.m",
      "dense.weight.step.v", "conv1.norm.mean", "optimizer.step",
    ] {
      #expect(saved.variables[name] != nil, "\(name)")
    }
    // The schedule is part of the graph that it holds.
    #expect(try saved.graph().metadata[QuantizationSchedule.key]?.hasPrefix("delay=2") == true)
    // And the model as it stands can be evaluated without going on.
    var graph = try saved.graph()
    for id in graph.variables {
      guard let tensor = saved.variables[graph[id].name] else { continue }
      graph.define(id, as: .variable(tensor))
    }
    #expect(graph == step.evaluationGraph)
  }

  @Test("refuses a run with other settings, and a file that is damaged") func mistakes() throws {
    let path = temporaryPath("refused.qat")
    var trainer = trainer()
    (trainer.checkpoint, trainer.stepLimit) = (path, 3)
    try trainer.train(TrainingStep(prepared(), options), on: data())
    let saved = try Checkpoint(path: path)
    trainer.batchSize = 31
    let batch = #expect(throws: Diagnostic.self) {
      try trainer.train(TrainingStep(prepared(), options), on: data(), resume: saved)
    }
    #expect(batch?.code == .invalidOption && batch?.message.contains("batch=32") == true)
    let optimizer = #expect(throws: Diagnostic.self) {
      try self.trainer().train(TrainingStep(prepared()), on: data(), resume: saved)
    }
    #expect(optimizer?.code == .invalidOption)
    var damaged = saved
    damaged.variables["dense.weight.step"] = nil
    let missing = #expect(throws: Diagnostic.self) {
      try self.trainer().train(TrainingStep(prepared(), options), on: data(), resume: damaged)
    }
    #expect(missing?.description.contains("dense.weight.step") == true)
  }
}
