import QATConfig
import QATCore
import QATData
import QATIR
import QATPasses
import QATRewrite
import QATTraining
import Testing

@Suite("A trained model with unequal channels")
struct EqualizedAccuracyTests {
  @Test("loses its accuracy to one scale per tensor, and equal ranges give it back")
  func recover() throws {
    let step = try TrainingStep(convNet())
    var trainer = Trainer()
    (trainer.epochs, trainer.learningRate) = (4, 0.05)
    try trainer.train(step, on: ImageDataSet.digits(.train))
    var graph = step.evaluationGraph, context = PassContext()
    context[QuantizationConfig.self] = try QuantizationConfig(presetNamed: "default")
    let images = try digits(256).bound(to: graph.modelFields)
    context[CalibrationData.self] = CalibrationData(data: images, batchSize: 64, batches: 4)
    try Pipeline("freeze,fold-batchnorm,fold-constants", registry: .builtin).run(
      on: &graph, &context)
    // The results of each channel are scaled, and what reads them the other way.
    for id in graph.nodes {
      let factors: [Float] = [1, 300, 0.02, 15]
      let isConv = graph[id].op is Conv
      for index in isConv ? [1, 2] : [1] where graph[id].op is Conv || graph[id].op is Gemm {
        guard let value = graph[id].operands[index], let old = graph[value].constant,
          let elements = old.elements(as: Float.self)
        else { continue }
        let row = elements.count / 4
        let scaled = elements.enumerated().map { index, w in
          isConv ? w * factors[index / row] : w / factors[index % 64 / 16]
        }
        graph.define(value, as: .constant(AnyTensor(shape: old.shape, scaled)))
      }
    }
    func accuracy(_ pipeline: String) throws -> Double {
      var result = graph
      try Pipeline(pipeline, registry: .withPipelines).run(on: &result, &context)
      return try Evaluator().evaluate(result, digits(360, .test)).accuracy ?? 0
    }
    let float = try accuracy(""), plain = try accuracy("ptq")
    let equalized = try accuracy("equalize-cross-layer,ptq,lower-qoperator")
    #expect(float > 0.85)
    #expect(plain < float - 0.2, "\(plain) of \(float)")
    #expect(equalized > float - 0.02, "\(equalized) of \(float)")
  }
}
