import Foundation
import QAT
import Testing

/// The Huber loss: ½ d² where |d| < 1, |d| - ½ elsewhere, averaged over all elements; as
/// ½ m² + |d| - m with m = min(|d|, 1).
private struct Huber: Loss {
  var weight: Float = 1
  var text: String { "huber{\(weight)}" }

  func emit(in step: inout LossBuilder) throws(Diagnostic) -> ValueID {
    let output = try step.output()
    let target = try step.target(of: output)
    let one = step.builder.scalar(1, like: output), half = step.builder.scalar(0.5, like: output)
    let distance = step.builder.emit(Abs(), [step.builder.emit(Sub(), [output, target])])
    let near = step.builder.emit(Min(), [distance, one])
    let square = step.builder.emit(
      Mul(), [half, step.builder.emit(Mul(), [near, near])])
    let far = step.builder.emit(Sub(), [distance, near])
    let mean = step.builder.emit(
      ReduceMean(keepDimensions: false), [step.builder.emit(Add(), [square, far])])
    return step.builder.emit(Mul(), [mean, step.builder.scalar(Double(weight), like: mean)])
  }
}

/// Sign descent with a moment: m ← β m + (1 - β) g, w ← w - rate · sign(m).
private struct SignDescent: Optimizer {
  var beta: Float = 0.5
  var text: String { "sign{\(beta)}" }

  func update(in step: inout OptimizerBuilder) throws(Diagnostic) -> ValueID {
    let moment = step.state("moment")
    let keep = step.builder.scalar(Double(beta), like: moment)
    let take = step.builder.scalar(1 - Double(beta), like: moment)
    let next = step.builder.emit(
      Add(),
      [
        step.builder.emit(Mul(), [keep, moment]),
        step.builder.emit(Mul(), [take, step.gradient]),
      ])
    step.setState(moment, to: next)
    let change = step.builder.emit(Mul(), [step.rate, step.builder.emit(Sign(), [next])])
    return step.builder.emit(Sub(), [step.variable, change])
  }
}

/// y = 3 a - b + 1 with one sample in eight far off.
private struct Line: DataSet {
  let count = 64
  let inputs = [DataField("point", .f32, [2])]
  let targets = [DataField("y", .f32, [1])]

  func batch(_ indices: [Int]) throws(Diagnostic) -> Batch {
    try check(indices)
    let points = indices.map { (Float($0 % 8) / 4 - 1, Float($0 / 8) / 4 - 1) }
    let values = zip(indices, points).map { index, point in
      3 * point.0 - point.1 + 1 + (index % 8 == 3 ? 40 : 0)
    }
    return Batch(
      inputs: ["point": AnyTensor(shape: [indices.count, 2], points.flatMap { [$0.0, $0.1] })],
      targets: ["y": AnyTensor(shape: [indices.count, 1], values)])
  }
}

@Suite("A program that imports QAT alone")
struct OwnTrainingTests {
  private func model() throws -> Graph {
    try Graph(
      text: """
        graph @line(%point: f32[N,2]) -> (%y: f32[N,1]) {
          variable %w: f32[2,1] = [0.0, 0.0]
          variable %b: f32[1] = [0.0]
          %y = Gemm(%point, %w, %b)
        }
        """)
  }

  private func options() -> TrainingOptions {
    var options = TrainingOptions()
    options.loss = Huber()
    options.optimizer = ApplyOptimizer(SignDescent())
    return options
  }

  private func trainer() -> Trainer {
    var trainer = Trainer()
    (trainer.epochs, trainer.batchSize, trainer.learningRate) = (60, 16, 0.05)
    trainer.schedule = .cosine
    return trainer
  }

  @Test("takes the steps that its own loss and optimizer define") func steps() throws {
    let step = try TrainingStep(model(), options())
    step.learningRate = 0.25
    let batch = Batch(
      inputs: ["point": AnyTensor(shape: [2, 2], [1, 0, 0, 2] as [Float])],
      labels: AnyTensor(shape: [2, 1], [0.5, -3] as [Float]))
    // d = 0.5 and 3: (0.125 + 2.5) / 2. dy = -0.5 / 2 and 1 / 2.
    #expect(try step.run(batch) == 1.3125)
    #expect(step.variables["w"]?.elements(as: Float.self) == [0.25, -0.25])
    #expect(step.variables["b"]?.elements(as: Float.self) == [-0.25])
    // Half of dw = [-0.25, 1] and of db = 0.25.
    #expect(step.variables["w.moment"]?.elements(as: Float.self) == [-0.125, 0.5])
    #expect(step.variables["b.moment"]?.elements(as: Float.self) == [0.125])
  }

  @Test("trains with its own loss, optimizer and data, and resumes to the same bits")
  func training()
    throws
  {
    let whole = try TrainingStep(model(), options())
    try trainer().train(whole, on: Line())
    // The Huber loss leaves the outliers alone: they pull at the offset with a slope of 1 at most.
    let w = try #require(whole.variables["w"]?.elements(as: Float.self))
    #expect(abs(w[0] - 3) < 0.5 && abs(w[1] + 1) < 0.1)

    let path = FileManager.default.temporaryDirectory.path + "/own-\(UUID().uuidString).ckpt"
    var first = trainer()
    (first.stepLimit, first.checkpoint) = (7, path)
    try first.train(TrainingStep(model(), options()), on: Line())
    let resumed = try TrainingStep(model(), options())
    try trainer().train(resumed, on: Line(), resume: Checkpoint(path: path))
    #expect(resumed.variables == whole.variables)

    var other = options()
    other.loss = Huber(weight: 2)
    let error = #expect(throws: Diagnostic.self) {
      try trainer().train(
        TrainingStep(model(), other), on: Line(), resume: Checkpoint(path: path))
    }
    #expect(error?.message.contains("huber{1.0}") == true)
  }

  @Test("evaluates with its own loss") func evaluation() throws {
    // All outputs are 0: d is the target.
    let data = Line()
    let targets = try #require(
      try data.batch(Array(0..<data.count)).targets["y"]?.elements(as: Float.self))
    let losses = targets.map { (value: Float) -> Double in
      let d = Double(abs(value))
      return d < 1 ? d * d / 2 : d - 0.5
    }
    let mean = losses.reduce(0, +) / Double(losses.count)
    let metrics = try Evaluator(batchSize: 24, loss: Huber()).evaluate(model(), data)
    #expect(abs(try #require(metrics.loss) - mean) < 1e-6 * mean)
  }

  /// w ← w - rate · g.
  private struct PlainDescent: Optimizer {
    var text: String { "plain" }
    func update(in step: inout OptimizerBuilder) throws(Diagnostic) -> ValueID {
      let change = step.builder.emit(Mul(), [step.rate, step.gradient])
      return step.builder.emit(Sub(), [step.variable, change])
    }
  }

  /// The line with a learned scale, its rate `factor` times that of the weights.
  private func learning(_ factor: String) throws -> TrainingStep {
    let graph = try Graph(
      text: """
        graph @line(%point: f32[N,2]) -> (%y: f32[N,1]) {
          constant %w: f32[2,1] = [0.8, -0.3]
          %y = MatMul(%point, %w)
        }
        """)
    let weights = "{bits: 3, quantizer: {kind: lsq, learningRateFactor: \(factor)}}"
    var preparer = QATPreparer(
      try QuantizationConfig(yaml: "weights: \(weights)\nactivations: float"))
    var options = TrainingOptions()
    (options.loss, options.optimizer) = (.mse, ApplyOptimizer(PlainDescent()))
    return try TrainingStep(preparer.prepareForQAT(graph), options)
  }

  private func point(_ target: Float) -> Batch {
    Batch(
      inputs: ["point": AnyTensor(shape: [1, 2], [1, 0.5] as [Float])],
      labels: AnyTensor(shape: [1, 1], [target]))
  }

  @Test("has learned scales moved by its optimizer at their own rate", arguments: [0, 0.25, 1, 2])
  func learnedRate(_ factor: Float) throws {
    let step = try learning("\(factor)")
    var gradients: [String: [Float]] = [:]
    for name in ["w", "w.step"] {
      try step.addBackwardHook(on: name) {
        gradients[$0.name] = $0.value.elements(as: Float.self)
      }
    }
    for _ in 0..<3 {
      let before = step.variables
      _ = try step.run(point(-2), learningRate: 0.0625)
      for (name, rate) in [("w", 0.0625), ("w.step", 0.0625 * factor)] {
        let old = try #require(before[name]?.elements(as: Float.self))
        let new = try #require(step.variables[name]?.elements(as: Float.self))
        let gradient = try #require(gradients[name])
        #expect(gradient.contains { $0 != 0 })
        // float32, in the same order: a product and a difference.
        #expect(new == zip(old, gradient).map { $0 - rate * $1 }, "\(name)")
      }
    }
    #expect(step.projections.isEmpty)
  }

  @Test("has learned scales kept above 0 where its optimizer takes them below") func projection()
    throws
  {
    var counts = 0
    for target in [-2, 2] as [Float] {
      let step = try learning("1000000")
      let initial = try #require(step.variables["w.initial"]?.elements(as: Float.self)?.first)
      _ = try step.run(point(target), learningRate: 0.0625)
      let scale = try #require(step.variables["w.step"]?.elements(as: Float.self)?.first)
      #expect(scale >= initial / Float(1 << 20))
      if scale == initial / Float(1 << 20) {
        #expect(step.projections.map(\.name) == ["w.step"] && step.projections[0].count == 1)
        counts += 1
      }
    }
    // The gradient has the sign of the distance: one of the two goes down.
    #expect(counts == 1)
  }

  private struct Broken: Loss {
    var text: String { "broken" }
    func emit(in step: inout LossBuilder) throws(Diagnostic) -> ValueID { try step.output() }
  }
  private struct Misshapen: Optimizer {
    var text: String { "misshapen" }
    func update(in step: inout OptimizerBuilder) throws(Diagnostic) -> ValueID { step.rate }
  }

  @Test("is told what its loss or optimizer does wrong") func mistakes() throws {
    var options = options()
    options.loss = Broken()
    let loss = #expect(throws: Diagnostic.self) { try TrainingStep(model(), options) }
    #expect(loss?.message == "the loss 'y' is f32[N,1]")
    options = self.options()
    options.optimizer = ApplyOptimizer(Misshapen())
    let update = #expect(throws: Diagnostic.self) { try TrainingStep(model(), options) }
    #expect(update?.place?.hasSuffix("optimizer 'misshapen'") == true)
  }
}
