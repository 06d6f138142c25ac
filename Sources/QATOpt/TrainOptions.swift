import ArgumentParser
import QAT

/// The options of training, which `train` and `quantize` share.
struct TrainOptions: ParsableArguments {
  @Option(help: "cross-entropy, mse, bce or l1. (default: cross-entropy)") var loss: String?
  @Option(help: "sgd, adam or adamw. (default: sgd)") var optimizer: String?
  @Option(help: "The highest learning rate; 0.05 for sgd, 0.001 for adam where left out.")
  var learningRate: Float?
  @Option(help: "constant, cosine, step:EVERY,FACTOR or one-cycle:PEAK. (default: cosine)")
  var schedule: String?
  @Option(help: "Steps over which the learning rate rises. (default: 0)") var warmupSteps: Int?
  @Option(help: "Momentum of sgd. (default: 0.9)") var momentum: Float?
  @Flag(help: "Nesterov's form of momentum.") var nesterov = false
  @Option(help: "Weight decay. (default: 0.0005)") var weightDecay: Float?
  @Option(help: "The largest norm of all gradients together; 0 for none. (default: 0)")
  var clipNorm: Float?
  @Option(help: "What factors of products are rounded to: f32 or bf16. (default: f32)")
  var matmulPrecision: String?
  @Option(help: "Samples in a batch. (default: 64)") var batch: Int?
  @Option(help: "Decides the order of the samples. (default: 0)") var seed: UInt64?
  @Option(help: "Threads; 0 for one on each core.") var threads = 0
  @Option(help: "Data to evaluate on after each epoch.") var validation: String?
  @Option(help: "A file to write checkpoints to; where a run is resumed, its file unless told.")
  var checkpoint: String?
  @Option(help: "Steps between checkpoints; 0 for one at the end of each epoch. (default: 0)")
  var checkpointEvery: Int?
  @Option(help: "A checkpoint to go on from, with its graph and its options.") var resume: String?
  @Option(help: "The step from which batch-norm statistics stand still; else the model's schedule.")
  var freezeBatchnormStep: Int?
  @Option(help: "The step from which observed ranges stand still; else the model's schedule.")
  var freezeObserversStep: Int?
  @Option(help: "The step before which observers forget what they saw.") var resetObserversStep:
    Int?

  @OptionGroup var distillation: DistillOptions
  @OptionGroup var telemetry: TelemetryOptions

  /// What a new run has where nothing is given.
  private enum Default {
    static let loss = "cross-entropy", optimizer = "sgd", schedule = "cosine", batch = 64
    static let momentum: Float = 0.9, weightDecay: Float = 0.0005
    static func learningRate(of optimizer: String) -> Float {
      optimizer == "sgd" ? 0.05 : 0.001
    }
  }

  /// Samples in a batch.
  var batchSize: Int { batch ?? Default.batch }

  /// Takes over the options of the run that is resumed.
  /// - Throws: `invalid-option` where one is given and was another.
  mutating func resolve(_ settings: inout RunSettings) throws(Diagnostic) {
    try settings.merge(&loss, "loss", default: Default.loss)
    try settings.merge(&optimizer, "optimizer", default: Default.optimizer)
    try settings.merge(
      &learningRate, "learning-rate",
      default: Default.learningRate(of: optimizer ?? Default.optimizer))
    try settings.merge(&schedule, "schedule", default: Default.schedule)
    try settings.merge(&warmupSteps, "warmup-steps", default: 0)
    try settings.merge(&momentum, "momentum", default: Default.momentum)
    try settings.merge(&nesterov, "nesterov")
    try settings.merge(&weightDecay, "weight-decay", default: Default.weightDecay)
    try settings.merge(&clipNorm, "clip-norm", default: 0)
    try settings.merge(&matmulPrecision, "matmul-precision", default: "f32")
    try settings.merge(&batch, "batch", default: Default.batch)
    try settings.merge(&seed, "seed", default: 0)
    try settings.merge(&freezeBatchnormStep, "freeze-batchnorm-step")
    try settings.merge(&freezeObserversStep, "freeze-observers-step")
    try settings.merge(&resetObserversStep, "reset-observers-step")
    try distillation.resolve(&settings)
    settings.prefer(&validation, "validation")
    settings.prefer(&checkpointEvery, "checkpoint-every")
    checkpoint = checkpoint ?? resume
  }

  /// Trains a graph whose parameters are variables.
  /// - Parameters:
  ///   - float: the model before it was quantized: the teacher of a distillation.
  ///   - saved: the run to go on with.
  ///   - settings: how the run was started, for checkpoints.
  ///   - pipeline: what made the graph, for checkpoints.
  /// - Returns: the graph with the trained parameters.
  func train(
    _ graph: Graph, on data: any DataSet, epochs: Int, float: Graph,
    saved: Checkpoint?, settings: RunSettings, pipeline: String
  ) throws(Diagnostic) -> (graph: Graph, history: TrainingHistory) {
    let step = try step(graph, float: float)
    var trainer = Trainer()
    trainer.epochs = epochs
    trainer.batchSize = batchSize
    trainer.seed = seed ?? 0
    trainer.learningRate = learningRate ?? Default.learningRate(of: optimizer ?? Default.optimizer)
    trainer.schedule = try LearningRateSchedule.Kind(schedule ?? Default.schedule)
    trainer.warmupSteps = warmupSteps ?? 0
    trainer.batchNormFreezeStep = freezeBatchnormStep
    trainer.observerFreezeStep = freezeObserversStep
    trainer.observerResetStep = resetObserversStep
    trainer.checkpoint = checkpoint
    trainer.checkpointEvery = checkpointEvery ?? 0
    trainer.checkpointSettings = settings.values
    trainer.checkpointPipeline = pipeline
    var validationData: (any DataSet)?
    if let validation { validationData = try load(validation, for: graph, split: .test) }
    let watch = try telemetry.watch(step, from: saved)
    let progress = Progress()
    let history = try trainer.train(step, on: data, validation: validationData, resume: saved) {
      state throws(Diagnostic) in progress.show(state)
    }
    for (name, count) in step.projections {
      Terminal.error("note: '\(name)' was put back into its bounds \(count) times")
    }
    try telemetry.write(watch)
    return (step.evaluationGraph, history)
  }

  /// The step of a graph whose parameters are variables.
  func step(_ graph: Graph, float: Graph) throws(Diagnostic) -> TrainingStep {
    var options = TrainingOptions()
    let labels = StandardLoss(try choice(loss ?? Default.loss, "--loss"))
    options.loss = try distillation.loss(labels: labels, float: float) ?? labels
    options.optimizer.kind = try choice(optimizer ?? Default.optimizer, "--optimizer")
    options.optimizer.momentum = momentum ?? Default.momentum
    options.optimizer.nesterov = nesterov
    options.optimizer.weightDecay = weightDecay ?? Default.weightDecay
    options.clipNorm = clipNorm ?? 0
    options.matmulPrecision = try choice(matmulPrecision ?? "f32", "--matmul-precision")
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
