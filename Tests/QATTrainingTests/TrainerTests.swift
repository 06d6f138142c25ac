import QATCore
import QATData
import QATIR
import QATTraining
import Testing

@Suite("Training")
struct TrainerTests {
  private func trainer(_ path: String? = nil) -> Trainer {
    var trainer = Trainer()
    trainer.epochs = 3
    trainer.batchSize = 16
    trainer.seed = 7
    trainer.learningRate = 0.05
    trainer.schedule = .cosine
    trainer.warmupSteps = 2
    trainer.quantizationDelay = 4
    trainer.batchNormFreezeStep = 7
    trainer.checkpoint = path
    return trainer
  }

  /// 40 digits in batches of 16: batches of 16, 16 and 8, nine steps in three epochs.
  @Test("ends in the same bits where it was interrupted and resumed", arguments: [2, 3, 5, 8])
  func resume(_ steps: Int) throws {
    let data = try digits(40), validation = try digits(10, .test),
      path = temporaryPath("resume.ckpt")
    let whole = try TrainingStep(quantizedConvNet())
    let history = try trainer().train(whole, on: data, validation: validation)
    var first = trainer(path)
    first.stepLimit = steps
    let begun = try first.train(TrainingStep(quantizedConvNet()), on: data, validation: validation)
    #expect(begun.steps == steps && !begun.isFinished)
    let resumed = try TrainingStep(quantizedConvNet())
    let rest = try trainer().train(
      resumed, on: data, validation: validation, resume: Checkpoint(path: path))
    #expect(rest == history && rest.isFinished && rest.epochs.count == 3)
    #expect(resumed.variables == whole.variables)
  }

  @Test("goes on from the checkpoint's own graph, in the same bits", arguments: [false, true])
  func resumeWithoutModel(_ clips: Bool) throws {
    var options = TrainingOptions()
    options.clipNorm = clips ? 0.1 : 0
    options.optimizer.kind = .adam
    let data = try digits(40), path = temporaryPath("alone.ckpt")
    let whole = try TrainingStep(quantizedConvNet(), options)
    let history = try trainer().train(whole, on: data)
    var first = trainer(path)
    first.stepLimit = 5
    first.checkpointSettings = ["model": "net.onnx"]
    first.checkpointPipeline = "qat-prepare"
    try first.train(TrainingStep(quantizedConvNet(), options), on: data)
    let checkpoint = try Checkpoint(path: path)
    #expect(checkpoint.settings == ["model": "net.onnx"] && checkpoint.pipeline == "qat-prepare")
    let resumed = try TrainingStep(checkpoint.graph(), options)
    let rest = try trainer().train(resumed, on: data, resume: checkpoint)
    #expect(rest == history && resumed.variables == whole.variables)
    #expect(resumed.evaluationGraph == whole.evaluationGraph)
  }

  @Test("writes a checkpoint where the caller ends it, and goes on from there") func cancel() throws
  {
    let data = try digits(40), path = temporaryPath("cancel.ckpt")
    let whole = try TrainingStep(convNet()), resumed = try TrainingStep(convNet())
    try trainer().train(whole, on: data)
    let stopped = Diagnostic(.io, "stopped")
    let error = #expect(throws: Diagnostic.self) {
      try trainer(path).train(TrainingStep(convNet()), on: data) { progress throws(Diagnostic) in
        if progress.step == 4 { throw stopped }
      }
    }
    #expect(error == stopped)
    try trainer().train(resumed, on: data, resume: Checkpoint(path: path))
    #expect(resumed.variables == whole.variables)
  }

  @Test("does not depend on the number of threads") func threads() throws {
    let results = try [1, 2, 5].map { threads in
      var options = TrainingOptions()
      options.threads = threads
      let step = try TrainingStep(quantizedConvNet(), options)
      try trainer().train(step, on: digits(40))
      return step.variables
    }
    #expect(results[0] == results[1] && results[0] == results[2])
  }

  @Test("reports every step, and the mean over an epoch's samples") func progress() throws {
    var losses: [Float] = [], rates: [Float] = [], records: [EpochRecord] = []
    var trainer = trainer()
    trainer.epochs = 1
    let history = try trainer.train(TrainingStep(convNet()), on: digits(40)) { progress in
      losses.append(progress.loss)
      rates.append(progress.rate)
      if let record = progress.record { records.append(record) }
      #expect(progress.steps == 3 && progress.epoch == 1 && progress.secondsLeft >= 0)
    }
    #expect(rates == [0.025, 0.05, 0.05])
    #expect(records == history.epochs && records.count == 1)
    let mean = (Double(losses[0]) * 16 + Double(losses[1]) * 16 + Double(losses[2]) * 8) / 40
    #expect(records[0].loss == mean)
  }

  @Test("lets quantizers round when the delay has passed, and freezes batch-norms when told")
  func delays() throws {
    let step = try TrainingStep(quantizedConvNet())
    var statistics: [AnyTensor?] = [], rounding: [Bool] = []
    try trainer().train(step, on: digits(40)) { _ in
      statistics.append(step.variables["norm.mean"])
      rounding.append(step.quantizes)
    }
    #expect(rounding == [false, false, false, false, true, true, true, true, true])
    #expect(statistics[6] != statistics[5])
    #expect(statistics[7] == statistics[6] && statistics[8] == statistics[6])
  }

  @Test("refuses a checkpoint of other options, and other models") func otherOptions() throws {
    let path = temporaryPath("options.ckpt"), data = try digits(16)
    var first = trainer(path)
    first.epochs = 1
    try first.train(TrainingStep(convNet()), on: data)
    let checkpoint = try Checkpoint(path: path)
    var other = first
    other.seed = 8
    let error = #expect(throws: Diagnostic.self) {
      try other.train(TrainingStep(convNet()), on: data, resume: checkpoint)
    }
    #expect(error?.code == .invalidOption && error?.message.contains("seed=7") == true)
    let missing = #expect(throws: Diagnostic.self) {
      try first.train(TrainingStep(quantizedConvNet()), on: data, resume: checkpoint)
    }
    #expect(missing?.code == .invalidData)
    let done = try first.train(TrainingStep(convNet()), on: data, resume: checkpoint)
    #expect(done.isFinished && done.steps == 1)
  }

  @Test("stops where the loss is no longer finite") func divergence() throws {
    var graph = Graph(name: "line")
    let x = graph.addInput("x", TensorType(.f32, Shape([Dimension(symbol: "N"), 1])))
    let w = graph.addVariable("w", AnyTensor(shape: [1, 1], [Float(1)]))
    let y = try graph.addNode(MatMul(), [x, w], name: "y")
    graph.setOutputs([graph[y].result])
    var options = TrainingOptions()
    options.loss = .mse
    let data = try ArrayDataSet(
      AnyTensor(shape: [4, 1], [Float(1), 2, 3, 4]),
      labels: AnyTensor(shape: [4, 1], [Float(0), 0, 0, 0]))
    var trainer = trainer()
    trainer.batchSize = 2
    trainer.learningRate = 1e20
    trainer.warmupSteps = 0
    let error = #expect(throws: Diagnostic.self) {
      try trainer.train(TrainingStep(graph, options), on: data)
    }
    #expect(error?.code == .invalidData && error?.message == "the loss is inf in step 2")
  }

  @Test("refuses settings without sense") func settings() throws {
    for change in [{ $0.epochs = 0 }, { $0.batchSize = 0 }, { $0.learningRate = .nan }]
      as [(inout Trainer) -> Void]
    {
      var trainer = trainer()
      change(&trainer)
      let error = #expect(throws: Diagnostic.self) {
        try trainer.train(TrainingStep(convNet()), on: digits(4))
      }
      #expect(error?.code == .invalidOption)
    }
  }
}
