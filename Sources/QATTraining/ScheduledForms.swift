import QATConfig
import QATCore
import QATIR

/// Which form each step of a training has: the model's schedule, with what the trainer says instead.
struct ScheduledForms: Sendable {
  private let quantizes: Bool
  private let delay: Int
  private let batchNorm: Int?
  private let observers: Int?
  private let stages: [(start: Int, stage: BitStage)]
  /// The schedule, as text.
  let text: String

  /// - Throws: `syntax`, `configuration` for a schedule that makes no sense with so many steps an epoch.
  init(
    _ trainer: Trainer, _ step: TrainingStep, stepsPerEpoch: Int
  ) throws(Diagnostic) {
    var schedule = try QuantizationSchedule(
      step.graph.metadata[QuantizationSchedule.key] ?? "")
    if let delay = trainer.quantizationDelay { schedule.quantizationDelay = delay }
    if let freeze = trainer.batchNormFreezeStep { schedule.batchNormFreeze = .step(freeze) }
    if let freeze = trainer.observerFreezeStep { schedule.observerFreeze = .step(freeze) }
    if step.options.freezesBatchNorm { schedule.batchNormFreeze = .step(0) }
    if step.options.freezesObservers { schedule.observerFreeze = .step(0) }
    if let stages = trainer.stages { schedule.stages = stages }
    try schedule.validate()
    quantizes = step.options.quantizes
    delay = schedule.quantizationDelay
    batchNorm = schedule.batchNormFreeze?.step(stepsPerEpoch: stepsPerEpoch)
    observers = schedule.observerFreeze?.step(stepsPerEpoch: stepsPerEpoch)
    stages = schedule.stages.map { ($0.start.step(stepsPerEpoch: stepsPerEpoch), $0) }
    text = schedule.description
    for (a, b) in zip(stages, stages.dropFirst()) where b.start <= a.start {
      throw Diagnostic(
        .configuration,
        "the stage at \(b.stage.start) begins at step \(b.start), that at \(a.stage.start) at step "
          + "\(a.start)", at: "stages", hint: "write stages in the order they begin")
    }
    if let last = stages.last?.stage { try Self.checkEnd(last, step.graph) }
  }

  /// The form of a step, from 0.
  func form(at index: Int) -> TrainingForm {
    let stage = stages.last { $0.start <= index }?.stage
    return TrainingForm(
      quantizes: quantizes && index >= delay,
      freezesBatchNorm: batchNorm.map { index >= $0 } ?? false,
      freezesObservers: observers.map { index >= $0 } ?? false, weightBits: stage?.weights ?? 0,
      activationBits: stage?.activations ?? 0)
  }

  /// Steps at which the form may change.
  var changes: [Int] {
    [0, delay] + [batchNorm, observers].compactMap { $0 } + stages.map(\.start)
  }

  /// What is deployed has the layers' own grids: the last stage must train them.
  private static func checkEnd(_ stage: BitStage, _ graph: Graph) throws(Diagnostic) {
    for id in graph.nodes {
      guard let op = graph[id].op as? FakeQuantize, let x = graph[id].operands[0] else { continue }
      let bits = graph.isParameter(x) ? stage.weights : stage.activations
      guard bits > op.grid.bits else { continue }
      throw Diagnostic(
        .configuration,
        "the last stage has \(bits) bits, and '\(graph[x].name)' is to have \(op.grid.bits)",
        at: "stages", hint: "end with a stage of \(op.grid.bits) bits")
    }
  }
}
