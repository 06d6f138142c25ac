import QATCore
import QATData
import QATIR
import QATPasses
import QATRuntime
import QATTraining
import Testing

@Suite("Distillation")
struct DistillationTests {
  /// y = x w, or the teacher's x v.
  private func product(_ weights: [Float]) throws -> Graph {
    var graph = Graph(name: "product")
    let x = graph.addInput("x", TensorType(.f32, Shape([Dimension(symbol: "N"), 2])))
    let w = graph.addVariable("w", AnyTensor(shape: [2, 3], weights))
    let y = try graph.addNode(MatMul(), [x, w], name: "y")
    graph.setOutputs([graph[y].result])
    return graph
  }
  private func student() throws -> Graph { try product([0.5, -1, 0.25, 1.5, 0, -0.75]) }
  private func teacher() throws -> Graph { try product([1, 0.5, -0.5, -1, 0.25, 2]) }
  private let batch = Batch(
    inputs: ["x": AnyTensor(shape: [2, 2], [1, -0.5, 0.25, 2] as [Float])],
    labels: AnyTensor(shape: [2], [2, 0] as [Int64]))

  /// A loss, its value and its gradient with respect to w: numbers of Tests/Python/distillation.py.
  private struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let kind: Distillation.Kind
    let temperature: Float
    var weight: Float = 1
    var labelWeight: Float = 0
    let loss: Float
    let gradient: [Float]
  }
  private static let cases = [
    Case(
      testDescription: "kl", kind: .kl, temperature: 1, loss: 2.5854754,
      gradient: [-0.11540278, -0.05764918, 0.17305195, 1.07110833, 0.02410466, -1.09521299]),
    Case(
      testDescription: "kl at 4", kind: .kl, temperature: 4, loss: 4.7986727,
      gradient: [-0.03406580, -0.14684955, 0.18091535, 1.82928998, 0.00139082, -1.83068080]),
    Case(
      testDescription: "mse", kind: .mse, temperature: 1, loss: 10.3704427,
      gradient: [-0.17708333, -0.53125, 0.265625, 3.54166667, -0.35416667, -3.89583333]),
    Case(
      testDescription: "with labels", kind: .kl, temperature: 4, weight: 0.5, labelWeight: 0.25,
      loss: 2.4646190,
      gradient: [0.01392069, -0.05714874, 0.04322805, 0.88781397, 0.00125806, -0.88907204]),
  ]

  @Test("has the loss and the gradient that NumPy gives", arguments: cases)
  private func formula(_ example: Case) throws {
    var loss = Distillation(teacher: try teacher())
    (loss.kind, loss.temperature) = (example.kind, example.temperature)
    loss.weight = example.weight
    if example.labelWeight > 0 {
      loss.labels = .crossEntropy
      loss.labelWeight = example.labelWeight
    }
    var options = TrainingOptions()
    options.loss = loss
    options.optimizer.momentum = 0
    let step = try TrainingStep(student(), options)
    var unlabelled = batch
    if loss.labels == nil { unlabelled.labels = nil }
    let value = try step.run(unlabelled, learningRate: 1)
    // float32 against float64: a few units in the last place of the largest term.
    #expect(abs(value - example.loss) < 4e-6 * example.loss)
    let old = try student().first("w"),
      new = try #require(step.variables["w"]?.elements(as: Float.self))
    for (index, gradient) in example.gradient.enumerated() {
      #expect(abs((old[index] - new[index]) - gradient) < 2e-6 * max(1, abs(gradient)))
    }
    #expect(step.variables.keys.sorted() == ["w", "w.velocity"], "the teacher is constant")
  }

  @Test("takes the model itself, unquantized and as it was, as the teacher") func ownTeacher()
    throws
  {
    var options = TrainingOptions()
    options.loss = Distillation()
    options.quantizes = false
    options.freezesBatchNorm = true
    let data = try digits(16), batch = try data.batch(Array(0..<16))
    // Before anything rounds, the model is its teacher.
    let step = try TrainingStep(quantizedConvNet(), options)
    #expect(try abs(step.run(batch, learningRate: 0.1)) < 1e-6)
    try step.setForm(quantizes: true, freezesBatchNorm: true)
    let first = try step.run(batch, learningRate: 0.02)
    #expect(first > 1e-6)
    // The teacher stays what it was while the model moves.
    var weights = try #require(step.variables["dense.bias"]?.elements(as: Float.self))
    weights[3] += 2
    try step.setVariables(["dense.bias": AnyTensor(shape: [10], weights)])
    #expect(try step.run(batch, learningRate: 0) > first + 0.01)
  }

  @Test("runs the teacher's batch-norms and dropouts in evaluation form") func evaluationForm()
    throws
  {
    var teacher = try convNet()
    let relu = try #require(teacher.value(named: "relu"))
    let flatten = try #require(teacher.node(named: "flatten"))
    let dropout = try teacher.addNode(Dropout(), [relu], name: "drop", before: flatten)
    teacher.setOperand(0, of: flatten, to: teacher[dropout].result)
    var options = TrainingOptions()
    options.loss = Distillation(teacher: teacher)
    (options.loss as? Distillation).map { loss in
      var loss = loss
      loss.kind = .mse
      loss.values = [ValueMatch("rel*", weight: 0.5)]
      options.loss = loss
    }
    let step = try TrainingStep(convNet(), options)
    let batch = try digits(8).batch(Array(0..<8)), image = try #require(batch.inputs[Batch.unnamed])
    var seen: [String: AnyTensor] = [:]
    for name in ["logits", "relu"] {
      try step.addForwardHook(on: name) { seen[name] = $0.value }
    }
    let loss = try step.run(Batch(inputs: ["image": image]), learningRate: 0)
    let taught = try ReferenceEvaluator(teacher).evaluate(["image": image]).values
    func distance(_ name: String) throws -> Double {
      let a = try #require(seen[name]?.doubles), b = try #require(taught[name]?.doubles)
      return zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / Double(a.count)
    }
    let expected = try distance("logits") + 0.5 * distance("relu")
    #expect(expected > 1e-3 && abs(Double(loss) - expected) < 1e-5 * expected)
  }

  @Test("trains and validates on data without labels, and resumes to the same bits")
  func unlabelled()
    throws
  {
    let images = try digits(40).batch(Array(0..<40)).inputs
    let data = try ArrayDataSet(inputs: images)
    func step() throws -> TrainingStep {
      var options = TrainingOptions()
      options.loss = Distillation(teacher: try convNet())
      return try TrainingStep(quantizedConvNet(), options)
    }
    var trainer = Trainer()
    (trainer.epochs, trainer.batchSize, trainer.learningRate) = (3, 16, 0.05)
    let whole = try step(), resumed = try step(), path = temporaryPath("distill.ckpt")
    let history = try trainer.train(whole, on: data, validation: data)
    let losses = history.epochs.compactMap { $0.validation?.loss }
    #expect(losses.count == 3 && history.epochs.allSatisfy { $0.validation?.accuracy == nil })
    var first = trainer
    (first.stepLimit, first.checkpoint) = (4, path)
    try first.train(step(), on: data, validation: data)
    try trainer.train(resumed, on: data, validation: data, resume: Checkpoint(path: path))
    #expect(resumed.variables == whole.variables)
    // Another teacher is another run.
    var options = TrainingOptions()
    options.loss = Distillation()
    #expect(throws: Diagnostic.self) {
      try trainer.train(
        TrainingStep(quantizedConvNet(), options), on: data, resume: Checkpoint(path: path))
    }
  }

  @Test("says what does not fit") func mistakes() throws {
    func message(_ change: (inout Distillation) throws -> Void) throws -> String {
      var loss = Distillation(teacher: try teacher())
      try change(&loss)
      var options = TrainingOptions()
      options.loss = loss
      let error = #expect(throws: Diagnostic.self) { try TrainingStep(student(), options) }
      return error?.message ?? ""
    }
    #expect(try message { $0.temperature = 0 } == "a temperature of 0.0")
    #expect(try message { $0.weight = 0 }.hasPrefix("weights of the distillation are"))
    #expect(
      try message { $0.values = [ValueMatch("h*")] } == "no value of both models matches 'h*'")
    #expect(try message { $0.teacher = try convNet() } == "the model has no input 'image'")
    #expect(throws: Diagnostic.self) { try ValueMatch(parsing: "h=much") }
    #expect(try ValueMatch(parsing: "h*=0.5") == ValueMatch("h*", weight: 0.5))
  }
}

extension Graph {
  /// The numbers of a variable.
  fileprivate func first(_ name: String) throws -> [Float] {
    try #require(value(named: name).flatMap { self[$0].variable?.elements(as: Float.self) })
  }
}
