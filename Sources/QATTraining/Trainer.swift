import QATConfig
import QATCore
import QATData
import QATIR
import QATRuntime

/// Trains a graph for some epochs: shuffled batches, a schedule, validation, checkpoints.
///
///     var trainer = Trainer()
///     trainer.epochs = 3
///     let step = try TrainingStep(graph)
///     let history = try trainer.train(step, on: data, validation: test) { print($0.loss) }
///     let trained = step.evaluationGraph
///
/// The loss and the optimizer are those of the step (`TrainingOptions`), and may be of your own, like
/// the data set; hooks that were added to the step go on. Results depend on the graph, the data and the settings alone: a run that was interrupted and
/// resumed from its checkpoint ends bit for bit where an uninterrupted one does.
public struct Trainer: Sendable {
  /// Times that all samples are seen.
  public var epochs = 1
  /// Samples a batch; the last one of an epoch may have fewer.
  public var batchSize = 32
  /// Decides the order of the samples and the augmentations.
  public var seed: UInt64 = 0
  /// The highest learning rate.
  public var learningRate: Float = 0.01
  /// How the learning rate goes.
  public var schedule = LearningRateSchedule.Kind.constant
  /// Steps in which the learning rate rises to its highest.
  public var warmupSteps = 0
  /// Steps in float before fake-quantizers round; their observers go on from the first step. `nil`, here
  /// and below, for what the schedule in the model says.
  public var quantizationDelay: Int?
  /// The step, from 0, from which on batch-norms keep their running statistics and use them.
  public var batchNormFreezeStep: Int?
  /// The step, from 0, from which on observed ranges stay as they are, also before the quantizers'
  /// warm-up ends.
  public var observerFreezeStep: Int?
  /// The step, from 0, before which observers forget what they saw; their warm-up begins anew. `nil` for
  /// never.
  public var observerResetStep: Int?
  /// Bits that training passes through on the way to the layers' own.
  public var stages: [BitStage]?
  /// Where checkpoints go; `nil` for nowhere.
  public var checkpoint: String?
  /// Steps between checkpoints; 0 for one behind each epoch. One is written when the run ends, too.
  public var checkpointEvery = 0
  /// What checkpoints say of how the run was started: options and their values, and the passes that
  /// made the graph. For who resumes.
  public var checkpointSettings: [String: String] = [:]
  /// The passes that made the graph, as text.
  public var checkpointPipeline = ""
  /// Steps after which this run ends, finished or not; `nil` for no limit.
  public var stepLimit: Int?
  /// Samples a batch of validation.
  public var validationBatchSize = 256
  /// Random changes of the training images.
  public var augmentations: [any Augmentation] = []

  public init() {}

  /// Trains; the result is in the step's variables.
  ///
  /// - Parameters:
  ///   - validation: evaluated after each epoch.
  ///   - resume: goes on from there. The step's graph (`Checkpoint.graph`), data, augmentations and
  ///     options must be those of the run that wrote it.
  ///   - progress: called after each step; what it throws ends the run, behind a checkpoint where
  ///     there is a place for one.
  /// - Throws: `invalid-option` for settings that make no sense, or others than those of the run to be
  ///   resumed; `invalid-data` where the loss is no longer finite.
  @discardableResult
  public func train(
    _ step: TrainingStep, on data: any DataSet, validation: (any DataSet)? = nil,
    resume: Checkpoint? = nil,
    progress: (TrainingProgress) throws(Diagnostic) -> Void = { _ in }
  ) throws(Diagnostic) -> TrainingHistory {
    try check(data)
    let bound = try data.bound(to: step.graph.modelFields)
    if let validation { _ = try validation.bound(to: step.graph.modelFields) }
    var run = try TrainingRun(self, step, bound, validation)
    try run.makeReady()
    if let resume { try run.restore(resume) }
    return try run.finish(progress)
  }

  private func check(_ data: any DataSet) throws(Diagnostic) {
    let least: [(String, Int, Int)] = [
      ("epochs", epochs, 1), ("samples a batch", batchSize, 1), ("warm-up steps", warmupSteps, 0),
      ("steps of quantization delay", quantizationDelay ?? 0, 0),
      ("steps between checkpoints", checkpointEvery, 0),
      ("steps at most", stepLimit ?? 1, 1),
      ("as the step that freezes batch-norms", batchNormFreezeStep ?? 0, 0),
      ("as the step that freezes observers", observerFreezeStep ?? 0, 0),
      ("as the step that resets observers", observerResetStep ?? 0, 0),
      ("samples a validation batch", validationBatchSize, 1),
    ]
    for (what, number, least) in least where number < least {
      throw Diagnostic(.invalidOption, "\(number) \(what)", hint: "at least \(least)")
    }
    if let reset = observerResetStep, let freeze = observerFreezeStep, freeze <= reset {
      throw Diagnostic(
        .invalidOption, "observers are reset in step \(reset) and frozen in step \(freeze)",
        hint: "freeze them later, so that they see something")
    }
    guard epochs < 1 << 30 else {
      throw Diagnostic(.invalidOption, "\(epochs) epochs", hint: "give fewer")
    }
    guard learningRate.isFinite, learningRate >= 0 else {
      throw Diagnostic(
        .invalidOption, "a learning rate of \(learningRate)", hint: "0.01 is a start")
    }
    guard data.count > 0 else {
      throw Diagnostic(
        .invalidData, "there is nothing to train on", hint: "look at the data and its limit")
    }
  }

  /// The settings that decide results, as text.
  func text(_ step: TrainingStep, samples: Int, schedule forms: String) -> String {
    "samples=\(samples) epochs=\(epochs) batch=\(batchSize) seed=\(seed) learning-rate=\(learningRate) "
      + "schedule=\(schedule) warmup=\(warmupSteps) quantize=\(step.options.quantizes) "
      + "forms=\(forms.replacing(" ", with: ";"))"
      + " reset-observers=\(observerResetStep.map(String.init) ?? "never") \(step.options.text)"
  }
}
