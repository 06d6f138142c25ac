import QATConfig
import QATCore
import QATData
import QATIR
import QATPasses
import QATQuantization
import QATRewrite
import QATRuntime
import QATTraining
import Testing

@Suite("Preparing and converting")
struct PreparerTests {
  private func calibration(_ graph: Graph) throws -> CalibrationData {
    CalibrationData(
      data: try labelled(graph, 64, seed: 1).bound(to: graph.modelFields), batchSize: 32, batches: 0
    )
  }

  @Test("puts quantizers in, lets training run, and makes integers of the result")
  func wholeWay() throws {
    let graph = try fragileModel(), data = try labelled(graph, 64, seed: 1)
    var preparer = QATPreparer(.recommended, calibration: try calibration(graph))
    let prepared = try preparer.prepareForQAT(graph)
    #expect(prepared.nodes.contains { prepared[$0].op is FakeQuantize })
    #expect(prepared.variables.contains { prepared[$0].name == "middle.weight" })
    let before = try preparer.statistics(of: prepared)
    #expect(before.count(.weights) == 3 && before.count(.bias) == 3)
    // The input, two hidden layers and the scores.
    #expect(before.count(.activations) == 4)

    let bias = try #require(
      before.quantizers.first { $0.kind == .bias && $0.value.hasPrefix("middle") })
    let input = try #require(before.quantizers.first { $0.value.hasPrefix("front.relu") })
    #expect(bias.scales == [Float](repeating: input.scales[0] * (100 / 127), count: 16))

    let step = try TrainingStep(prepared)
    let batch = try data.bound(to: graph.modelFields).batch(Array(0..<64))
    for _ in 0..<3 { _ = try step.run(batch, learningRate: 0.01) }
    let after = try preparer.statistics(of: step.evaluationGraph)
    #expect(after.quantizers.map(\.value) == before.quantizers.map(\.value))
    #expect(after.quantizers.map(\.scales) != before.quantizers.map(\.scales))

    let converted = try preparer.convertToQuantized(step.evaluationGraph)
    #expect(!converted.nodes.contains { converted[$0].op is FakeQuantize })
    #expect(try preparer.statistics(of: converted).count(.weights) == 3)
    let integers = try preparer.convertToQuantized(step.evaluationGraph, to: .qoperator)
    let fake = try preparer.convertToQuantized(step.evaluationGraph, to: .fakeQuantized)
    #expect(integers.nodes.contains { integers[$0].op is QGemm })
    #expect(try Session(integers).run(batch.inputs) == Session(fake).run(batch.inputs))
  }

  @Test("says what a symmetric weight and an asymmetric activation are quantized by")
  func statistics() throws {
    let graph = try fragileModel()
    var preparer = QATPreparer(.recommended, calibration: try calibration(graph))
    let quantized = try preparer.quantize(graph, to: .fakeQuantized)
    let statistics = try preparer.statistics(of: quantized)
    let weight = try #require(
      statistics.quantizers.first { $0.layer == "middle" && $0.kind == .weights })
    #expect(weight.scales == [Float](repeating: 100 / 127, count: 16))
    #expect(weight.zeroPoints == [Int](repeating: 0, count: 16))
    #expect(weight.grid?.description == "i8n")
    let relu = try #require(statistics.quantizers.first { $0.value.hasPrefix("front.relu") })
    #expect(relu.kind == .activations && relu.zeroPoints == [0] && relu.scales.count == 1)
    #expect(statistics.description.hasPrefix("quantized: 3 weights, 4 activations, 0 bias; "))
  }

  @Test("quantizes in one call as the pipeline does, and tells what passes said")
  func oneCall() throws {
    let graph = try fragileModel(), data = try labelled(graph, 96, seed: 1)
    for (form, pipeline) in [
      (QuantizedForm.qdq, "ptq-qdq"), (.qoperator, "ptq-qoperator"), (.fakeQuantized, "ptq"),
    ] {
      let model = try quantizeModel(graph, calibration: data, form: form)
      var expected = graph, context = PassContext()
      context[CalibrationData.self] = CalibrationData(
        data: try data.bound(to: graph.modelFields), batchSize: 32, batches: 32)
      try Pipeline(pipeline, registry: .withPipelines).run(on: &expected, &context)
      #expect(model.graph == expected)
      #expect(model.remarks == context.remarks && !model.remarks.isEmpty)
    }
    var config = QuantizationConfig.recommended
    config.layers = [LayerRule(.name("nothing"), quantize: false)]
    let error = #expect(throws: Diagnostic.self) {
      try quantizeModel(graph, calibration: data, config: config)
    }
    #expect(error?.code == .configuration)
  }
}
