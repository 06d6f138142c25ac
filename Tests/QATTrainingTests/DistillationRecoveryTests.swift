import QATConfig
import QATCore
import QATData
import QATIR
import QATPasses
import QATRewrite
import QATTraining
import Testing

@Suite("Distillation without labels")
struct DistillationRecoveryTests {
  private struct Accuracies { var ptq = 0.0, labelled = 0.0, distilled = 0.0 }

  /// Of the accuracy that rounding weights to 2 bits takes, training with labels gives some back; the
  /// float model in place of labels gives back nine tenths of that, on the same digits. The means of
  /// twelve seeds: with 360 test digits, one by itself is good to two points, and three to a sixth of what
  /// is recovered.
  @Test("recovers nine tenths of what labels recover") func recovery() throws {
    var mean = Accuracies()
    let seeds = 12.0
    for seed in 1...UInt64(seeds) {
      let one = try accuracies(seed)
      mean.ptq += one.ptq / seeds
      mean.labelled += one.labelled / seeds
      mean.distilled += one.distilled / seeds
    }
    #expect(mean.labelled > mean.ptq + 0.1, "where PTQ loses nothing, nothing is recovered")
    let share = (mean.distilled - mean.ptq) / (mean.labelled - mean.ptq)
    #expect(share >= 0.9, "\(mean)")
  }

  private func accuracies(_ seed: UInt64) throws -> Accuracies {
    let train = try digits(1437), test = try digits(360, .test)
    let float = try fit(convNet(), on: train, epochs: 15, rate: 0.05, seed: seed)
    var context = PassContext()
    var config = QuantizationConfig.recommended
    config.weights?.bits = 2
    context[QuantizationConfig.self] = config
    context[CalibrationData.self] = CalibrationData(
      data: try train.bound(to: float.modelFields), batchSize: 64, batches: 8)
    var ptq = float, prepared = float
    try Pipeline("freeze,ptq", registry: .withPipelines).run(on: &ptq, &context)
    try Pipeline("freeze,qat-prepare", registry: .withPipelines).run(on: &prepared, &context)
    let labelled = try fit(prepared, on: train, epochs: 12, rate: 0.02, seed: seed)
    // The same images, and nothing beside them.
    let images = try ArrayDataSet(inputs: train.batch(Array(0..<train.count)).inputs)
    let distilled = try fit(
      prepared, on: images, epochs: 12, rate: 0.02, seed: seed, loss: Distillation(teacher: float))
    return Accuracies(
      ptq: try accuracy(ptq, test), labelled: try accuracy(labelled, test),
      distilled: try accuracy(distilled, test))
  }

  private func fit(
    _ graph: Graph, on data: any DataSet, epochs: Int, rate: Float, seed: UInt64,
    loss: any Loss = .crossEntropy
  ) throws -> Graph {
    var options = TrainingOptions()
    options.loss = loss
    options.optimizer.weightDecay = 0.0005
    var trainer = Trainer()
    (trainer.epochs, trainer.batchSize, trainer.seed) = (epochs, 32, seed)
    (trainer.learningRate, trainer.schedule) = (rate, .cosine)
    let step = try TrainingStep(graph, options)
    try trainer.train(step, on: data)
    return step.evaluationGraph
  }

  private func accuracy(_ graph: Graph, _ data: any DataSet) throws -> Double {
    try #require(try Evaluator().evaluate(graph, data).accuracy)
  }
}
