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
  /// Of the accuracy that rounding to 2-bit weights takes, training with labels gives some back; the
  /// float model in place of labels gives back nine tenths of that, on the same digits.
  @Test("recovers nine tenths of what labels recover", arguments: [1, 2, 3] as [UInt64])
  func recovery(seed: UInt64) throws {
    let train = try digits(1437), test = try digits(360, .test)
    let float = try fit(convNet(), on: train, epochs: 20, rate: 0.05, seed: seed)
    var context = PassContext()
    var config = QuantizationConfig.recommended
    config.weights?.bits = 2
    context[QuantizationConfig.self] = config
    context[CalibrationData.self] = CalibrationData(data: try bound(train, float), batchSize: 64, batches: 8)

    var ptq = float
    try Pipeline("freeze,ptq", registry: .withPipelines).run(on: &ptq, &context)
    var prepared = float
    try Pipeline("freeze,qat-prepare", registry: .withPipelines).run(on: &prepared, &context)
    let labelled = try fit(prepared, on: train, epochs: 15, rate: 0.02, seed: seed)
    let images = try ArrayDataSet(inputs: train.batch(Array(0..<train.count)).inputs)
    let distilled = try fit(
      prepared, on: images, epochs: 15, rate: 0.02, seed: seed,
      loss: Distillation(teacher: float))

    let before = try accuracy(ptq, test), best = try accuracy(labelled, test)
    let result = try accuracy(distilled, test)
    let share = (result - before) / (best - before)
    print("seed \(seed): float \(try accuracy(float, test)), PTQ \(before), QAT \(best), "
      + "distilled \(result): \(share)")
    #expect(best > before + 0.05, "PTQ has to lose for the rest to mean something")
    #expect(share >= 0.9)
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

  private func bound(_ data: any DataSet, _ graph: Graph) throws -> BoundDataSet {
    try data.bound(to: graph.modelFields)
  }

  private func accuracy(_ graph: Graph, _ data: any DataSet) throws -> Double {
    try #require(try Evaluator().evaluate(graph, data).accuracy)
  }
}
