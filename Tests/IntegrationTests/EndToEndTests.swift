import Foundation
import QAT
import Testing

/// MNIST: float training, quantization after and during training, conversion, files, integers.
@Suite("End to end")
struct EndToEndTests {
  private func accuracy(_ graph: Graph) throws -> Double {
    try Evaluator().accuracy(graph, Digits.load(.test))
  }

  /// All outputs of the test images, batch by batch.
  private func outputs(_ session: Session) throws -> [AnyTensor] {
    var outputs: [AnyTensor] = []
    _ = try Evaluator().evaluate(session, Digits.load(.test)) { outputs += $0 }
    return outputs
  }

  private func byteCount(_ path: String) throws -> Int {
    try Data(contentsOf: URL(filePath: path)).count
  }

  private static func config(_ weights: Int, _ activations: Int) throws -> QuantizationConfig {
    try QuantizationConfig(
      yaml: """
        weights: {bits: \(weights), quantizer: lsq}
        activations: {bits: \(activations), quantizer: lsq}
        warmupBatches: 16
        layers:
          - match: first
            weights: {bits: 8}
            activations: {bits: 8}
          - match: last
            weights: {bits: 8}
            activations: {bits: 8}
        """)
  }

  /// Trains the float net further with fake-quantizers.
  private func trained(
    _ config: QuantizationConfig, epochs: Int
  ) throws -> (preparer: QATPreparer, graph: Graph) {
    let float = try Digits.trained.get()
    var preparer = QATPreparer(config, calibration: try Digits.calibration(float))
    let step = try TrainingStep(preparer.prepareForQAT(float))
    var trainer = Trainer()
    (trainer.epochs, trainer.batchSize, trainer.seed) = (epochs, 32, 2)
    (trainer.learningRate, trainer.schedule) = (0.01, .cosine)
    try trainer.train(step, on: Digits.load(.train))
    return (preparer, step.evaluationGraph)
  }

  @Test("8 bits after training: nothing is lost, and the file is smaller") func postTraining()
    throws
  {
    let float = try Digits.trained.get(), floatAccuracy = try accuracy(float)
    #expect(floatAccuracy > 0.93)
    let model = try quantizeModel(
      float, calibration: Digits.load(.train, limit: 256), form: .qoperator)
    #expect(try abs(accuracy(model.graph) - floatAccuracy) <= 0.005)
    let comparison = try compareQuantized(float, model.graph, on: Digits.load(.test, limit: 100))
    #expect(comparison.outputs[0].comparison.sqnr > 25)
    #expect(try #require(comparison.drop).magnitude <= 2)

    let path = temporaryPath("digits.int8.onnx"), floatPath = temporaryPath("digits.onnx")
    try GraphFiles.write(model.graph, to: path)
    try GraphFiles.write(float, to: floatPath)
    #expect(try Double(byteCount(path)) < 0.6 * Double(byteCount(floatPath)))
    let read = try GraphFiles.read(path)
    #expect(
      try outputs(Session(read, mode: .auto)) == outputs(Session(model.graph, mode: .integer)))
  }

  @Test("8 bits in training: what is trained is what runs on integers") func training() throws {
    var (preparer, graph) = try trained(.recommended, epochs: 1)
    let floatAccuracy = try accuracy(Digits.trained.get())
    let simulated = try outputs(Session(graph)),
      integers = try outputs(Session(graph, mode: .integer))
    #expect(try accuracy(graph) >= floatAccuracy - 0.005)
    expectAgreement(simulated, integers)
    for form in [QuantizedForm.qdq, .qoperator] {
      let path = temporaryPath("digits.\(form.rawValue).onnx")
      try GraphFiles.write(preparer.convertToQuantized(graph, to: form), to: path)
      let session = try Session(GraphFiles.read(path), mode: .integer)
      let products = session.graph.nodes.count {
        session.graph[$0].op is any IntegerProductOperation
      }
      #expect(products == 3)
      #expect(try outputs(session) == integers)
    }
    // Evaluating again gives the same: nothing moved.
    #expect(try outputs(Session(graph)) == simulated)
  }

  @Test("2-bit weights: training gives back what rounding loses") func narrow() throws {
    let config = try Self.config(2, 4), float = try Digits.trained.get()
    let floatAccuracy = try accuracy(float)
    var plain = config
    plain.weights?.quantizer = .observer
    plain.activations?.quantizer = .observer
    let rounded = try quantizeModel(
      float, calibration: Digits.load(.train, limit: 256), config: plain, form: .qoperator)
    let lost = try floatAccuracy - accuracy(rounded.graph)
    #expect(lost > 0.03, "rounding alone loses \(lost)")
    var (preparer, graph) = try trained(config, epochs: 3)
    let integers = try preparer.convertToQuantized(graph, to: .qoperator)
    let left = try floatAccuracy - accuracy(integers)
    #expect(left < 0.02 && left < lost / 2, "training leaves \(left) of \(lost)")
    #expect(try outputs(Session(integers)) == outputs(Session(graph, mode: .integer)))
    try expectAgreement(outputs(Session(graph)), outputs(Session(integers)))
    // Codes of two bits lie in bytes.
    let values = Set(try integers.codes(ofProduct: 1).integers ?? [])
    #expect(values.isSubset(of: [-2, -1, 0, 1, 2]) && values.count > 2)
  }

  @Test("labels are not needed where the float model is the teacher") func distillation() throws {
    let float = try Digits.trained.get(), config = try Self.config(3, 4)
    var preparer = QATPreparer(config, calibration: try Digits.calibration(float))
    var options = TrainingOptions()
    options.loss = Distillation(teacher: float)
    let step = try TrainingStep(preparer.prepareForQAT(float), options)
    let data = try Digits.load(.train), unlabelled = Unlabelled(base: data)
    #expect(unlabelled.targets.isEmpty)
    var trainer = Trainer()
    (trainer.epochs, trainer.batchSize, trainer.seed) = (2, 32, 2)
    (trainer.learningRate, trainer.schedule) = (0.01, .cosine)
    try trainer.train(step, on: unlabelled)
    let integers = try preparer.convertToQuantized(step.evaluationGraph, to: .qoperator)
    #expect(try accuracy(integers) >= accuracy(float) - 0.015)
  }

  /// The same images without their labels.
  private struct Unlabelled: DataSet {
    let base: any DataSet
    var count: Int { base.count }
    var inputs: [DataField] { base.inputs }
    func batch(_ indices: [Int]) throws(Diagnostic) -> Batch {
      Batch(inputs: try base.batch(indices).inputs)
    }
  }
}
