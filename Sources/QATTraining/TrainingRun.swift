import QATCore
import QATData
import QATIR

/// One call of `Trainer.train`: what changes from step to step.
struct TrainingRun {
  private let trainer: Trainer
  private let step: TrainingStep
  private let data: BoundDataSet
  private let validation: (any DataSet)?
  private let schedule: LearningRateSchedule
  private let options: String
  private let forms: ScheduledForms
  private var loader: DataLoader
  private var history = TrainingHistory()
  /// Of the epoch begun.
  private var lossSum = 0.0
  private var samples = 0
  /// What does not change from one checkpoint to the next.
  private var template: Checkpoint

  /// - Precondition: settings that were checked.
  /// - Throws: `syntax`, `configuration` for the schedule that the model carries.
  init(
    _ trainer: Trainer, _ step: TrainingStep, _ data: BoundDataSet, _ validation: (any DataSet)?
  ) throws(Diagnostic) {
    self.trainer = trainer
    self.step = step
    self.data = data
    self.validation = validation
    loader = DataLoader(
      data, batchSize: trainer.batchSize, seed: trainer.seed, augmentations: trainer.augmentations)
    let perEpoch = loader.sampler.batchesPerEpoch
    schedule = LearningRateSchedule(
      trainer.schedule, peak: trainer.learningRate, steps: perEpoch * trainer.epochs,
      stepsPerEpoch: perEpoch, warmup: trainer.warmupSteps)
    forms = try ScheduledForms(trainer, step, stepsPerEpoch: perEpoch)
    options = trainer.text(step, samples: data.count, schedule: forms.text)
    template = Checkpoint()
    guard trainer.checkpoint != nil else { return }
    template.options = options
    template.settings = trainer.checkpointSettings
    template.pipeline = trainer.checkpointPipeline
    template.setGraph(step.graph)
  }

  // MARK: - Forms

  /// Makes the graphs of all forms that will be needed: mistakes show before the first step.
  func makeReady() throws(Diagnostic) {
    for index in forms.changes where index < schedule.steps {
      try step.makeReady(forms.form(at: index))
    }
    try enterForm()
  }

  private func enterForm() throws(Diagnostic) {
    guard history.steps < schedule.steps else { return }
    try step.setForm(forms.form(at: history.steps))
  }

  // MARK: - Steps

  mutating func finish(
    _ progress: (TrainingProgress) throws(Diagnostic) -> Void
  ) throws(Diagnostic) -> TrainingHistory {
    let clock = ContinuousClock(), start = clock.now, first = history.steps
    let last = trainer.stepLimit.map { min(first + $0, schedule.steps) } ?? schedule.steps
    while history.steps < last {
      let epoch = loader.epoch, rate = schedule.rate(at: history.steps)
      let loss = try train(rate)
      let record = loader.epoch > epoch ? try finishEpoch(epoch) : nil
      if isCheckpointDue(endsEpoch: record != nil, isLast: history.steps == last) { try save() }
      let pace = (clock.now - start) / .seconds(1) / Double(history.steps - first)
      let report = TrainingProgress(
        step: history.steps, steps: schedule.steps, epoch: epoch + 1, epochs: trainer.epochs,
        loss: loss, rate: rate, secondsLeft: pace * Double(schedule.steps - history.steps),
        record: record)
      do throws(Diagnostic) { try progress(report) } catch {
        try save()
        throw error
      }
    }
    history.isFinished = history.steps >= schedule.steps
    return history
  }

  private mutating func train(_ rate: Float) throws(Diagnostic) -> Float {
    try enterForm()
    if history.steps == trainer.observerResetStep { try step.resetObservers() }
    let batch = try loader.next()
    let loss = try step.run(batch, learningRate: rate)
    history.steps += 1
    guard loss.isFinite else {
      throw Diagnostic(
        .invalidData, "the loss is \(loss) in step \(history.steps)",
        hint: "lower the learning rate, or clip the gradients")
    }
    lossSum += Double(loss) * Double(batch.count)
    samples += batch.count
    return loss
  }

  private mutating func finishEpoch(_ epoch: Int) throws(Diagnostic) -> EpochRecord {
    var record = EpochRecord(
      epoch: epoch + 1, steps: history.steps, loss: lossSum / Double(samples))
    if let validation {
      let evaluator = Evaluator(
        batchSize: trainer.validationBatchSize, loss: step.options.loss,
        output: step.options.output,
        threads: step.options.threads)
      record.validation = try evaluator.evaluate(step.currentGraph, validation)
    }
    history.epochs.append(record)
    (lossSum, samples) = (0, 0)
    return record
  }

  // MARK: - Checkpoints

  private func isCheckpointDue(endsEpoch: Bool, isLast: Bool) -> Bool {
    guard trainer.checkpoint != nil else { return false }
    if isLast { return true }
    return trainer.checkpointEvery == 0 ? endsEpoch : history.steps % trainer.checkpointEvery == 0
  }

  private func save() throws(Diagnostic) {
    guard let path = trainer.checkpoint else { return }
    // A form may bring variables of its own, which whoever resumes expects.
    try enterForm()
    var checkpoint = template
    (checkpoint.step, checkpoint.epoch) = (history.steps, loader.epoch)
    checkpoint.batch = loader.sampler.position / trainer.batchSize
    checkpoint.loader = loader.state
    checkpoint.variables = step.variables
    checkpoint.history = history.epochs
    (checkpoint.lossSum, checkpoint.samples) = (lossSum, samples)
    try checkpoint.write(to: path)
  }

  /// Goes on from a checkpoint.
  mutating func restore(_ checkpoint: Checkpoint) throws(Diagnostic) {
    try checkOptions(checkpoint.options)
    do throws(Diagnostic) {
      try loader.restore(checkpoint.loader)
      let position = loader.sampler.position
      guard checkpoint.epoch == loader.epoch, loader.epoch <= trainer.epochs,
        checkpoint.batch == position / trainer.batchSize, checkpoint.samples == position,
        checkpoint.step == loader.epoch * loader.sampler.batchesPerEpoch + checkpoint.batch
      else {
        throw Diagnostic(
          .invalidData,
          "step \(checkpoint.step) is not where epoch \(loader.epoch) and the data stand",
          hint: "the file is damaged")
      }
      history.steps = checkpoint.step
      history.epochs = checkpoint.history
      (lossSum, samples) = (checkpoint.lossSum, checkpoint.samples)
      try enterForm()
      try step.restore(checkpoint.variables)
    } catch { throw error.at("checkpoint") }
  }

  private func checkOptions(_ old: String) throws(Diagnostic) {
    guard old != options else { return }
    let before = old.split(separator: " "), now = options.split(separator: " ")
    let changed = before.filter { !now.contains($0) }, given = now.filter { !before.contains($0) }
    throw Diagnostic(
      .invalidOption,
      "the interrupted run had other options: \(changed.joined(separator: " ")), "
        + "not \(given.joined(separator: " "))",
      at: "checkpoint", hint: "resume with the options, the model and the data of that run")
  }
}
