import ArgumentParser
import QAT

/// The options of training, which `train` and `quantize` share.
struct TrainOptions: ParsableArguments {
  @Option(help: "cross-entropy, mse, bce or l1.") var loss = "cross-entropy"
  @Option(help: "sgd, adam or adamw.") var optimizer = "sgd"
  @Option(help: "The highest learning rate; 0.05 for sgd, 0.001 for adam where left out.")
  var learningRate: Float?
  @Option(help: "constant, cosine, step:EVERY,FACTOR or one-cycle:PEAK.") var schedule = "cosine"
  @Option(help: "Steps over which the learning rate rises.") var warmupSteps = 0
  @Option(help: "Momentum of sgd.") var momentum: Float = 0.9
  @Flag(help: "Nesterov's form of momentum.") var nesterov = false
  @Option(help: "Weight decay.") var weightDecay: Float = 0.0005
  @Option(help: "The largest norm of all gradients together; 0 for none.") var clipNorm: Float = 0
  @Option(help: "Samples in a batch.") var batch = 64
  @Option(help: "Decides the order of the samples.") var seed: UInt64 = 0
  @Option(help: "Threads; 0 for one on each core.") var threads = 0
  @Option(help: "Data to evaluate on after each epoch.") var validation: String?
  @Option(help: "A file to write checkpoints to.") var checkpoint: String?
  @Option(help: "Steps between checkpoints; 0 for one at the end of each epoch.")
  var checkpointEvery = 0
  @Option(help: "A checkpoint to go on from.") var resume: String?
  @Option(help: "The step from which batch-norm statistics stand still.") var freezeBatchnormStep:
    Int?
  @Option(help: "The step from which observed ranges stand still.") var freezeObserversStep: Int?
  @Option(help: "The step before which observers forget what they saw.") var resetObserversStep:
    Int?

  @OptionGroup var distillation: DistillOptions
  @OptionGroup var telemetry: TelemetryOptions

  /// Trains a graph whose parameters are variables.
  /// - Parameter float: the model before it was quantized: the teacher of a distillation.
  /// - Returns: the graph with the trained parameters.
  func train(
    _ graph: Graph, on data: any DataSet, epochs: Int, delay: Int = 0, float: Graph
  ) throws(Diagnostic) -> (graph: Graph, history: TrainingHistory) {
    let step = try step(graph, float: float)
    var trainer = Trainer()
    trainer.epochs = epochs
    trainer.batchSize = batch
    trainer.seed = seed
    trainer.learningRate = learningRate ?? (step.options.optimizer.kind == .sgd ? 0.05 : 0.001)
    trainer.schedule = try LearningRateSchedule.Kind(schedule)
    trainer.warmupSteps = warmupSteps
    trainer.quantizationDelay = delay
    trainer.batchNormFreezeStep = freezeBatchnormStep
    trainer.observerFreezeStep = freezeObserversStep
    trainer.observerResetStep = resetObserversStep
    trainer.checkpoint = checkpoint
    trainer.checkpointEvery = checkpointEvery
    var validationData: (any DataSet)?
    if let validation { validationData = try load(validation, for: graph, split: .test) }
    let saved = try resume.map { path throws(Diagnostic) in try Checkpoint(path: path) }
    let watch = try telemetry.watch(step, from: saved)
    let progress = Progress()
    let history = try trainer.train(step, on: data, validation: validationData, resume: saved) {
      state throws(Diagnostic) in progress.show(state)
    }
    try telemetry.write(watch)
    return (step.evaluationGraph, history)
  }

  /// The step of a graph whose parameters are variables.
  func step(_ graph: Graph, float: Graph) throws(Diagnostic) -> TrainingStep {
    var options = TrainingOptions()
    let labels = StandardLoss(try choice(loss, "--loss"))
    options.loss = try distillation.loss(labels: labels, float: float) ?? labels
    options.optimizer.kind = try choice(optimizer, "--optimizer")
    options.optimizer.momentum = momentum
    options.optimizer.nesterov = nesterov
    options.optimizer.weightDecay = weightDecay
    options.clipNorm = clipNorm
    options.threads = threads
    return try TrainingStep(graph, options)
  }

  private func choice<Value: PassOptionValue>(_ text: String, _ option: String) throws(Diagnostic)
    -> Value
  {
    guard let value = Value(optionText: text) else {
      throw Diagnostic(.invalidOption, "\(option) \(text)", hint: "expected \(Value.optionValues)")
    }
    return value
  }
}

/// Shows how training goes: one line that changes on a terminal, a line an epoch in a log.
struct Progress {
  func show(_ state: TrainingProgress) {
    if let record = state.record {
      let accuracy = record.validation?.accuracy.map { ", accuracy \(fixed(100 * $0, 2)) %" } ?? ""
      Terminal.error(
        (Terminal.isInteractive ? "\r" : "")
          + "epoch \(record.epoch)/\(state.epochs): loss \(fixed(record.loss, 4))\(accuracy)          "
      )
    } else if Terminal.isInteractive && state.step % 10 == 0 {
      Terminal.show(
        "\rstep \(state.step)/\(state.steps), loss \(fixed(Double(state.loss), 4)), "
          + "rate \(state.rate), \(fixed(state.secondsLeft, 0)) s left   ")
    }
  }
}
