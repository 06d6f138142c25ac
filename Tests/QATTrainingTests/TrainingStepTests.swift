import QATCore
import QATData
import QATIR
import QATPasses
import QATRuntime
import QATTraining
import Testing

@Suite("Training steps")
struct TrainingStepTests {
  private func batch(_ count: Int) throws -> Batch { try digits(count).batch(Array(0..<count)) }

  @Test("lower the loss", arguments: ApplyOptimizer.Kind.allCases)
  func learning(_ kind: ApplyOptimizer.Kind) throws {
    var options = TrainingOptions()
    options.optimizer.kind = kind
    options.clipNorm = 5
    let step = try TrainingStep(convNet(), options)
    let batch = try batch(32), rate: Float = kind == .sgd ? 0.05 : 0.01
    let first = try step.run(batch, learningRate: rate)
    var last = first
    for _ in 0..<14 { last = try step.run(batch, learningRate: rate) }
    #expect(last < 0.5 * first, "\(first) -> \(last)")
  }

  @Test("lower the loss of a quantized net, and move its ranges") func learningQuantized() throws {
    let step = try TrainingStep(quantizedConvNet()), batch = try batch(32)
    let before = step.variables
    let first = try step.run(batch, learningRate: 0.05)
    for _ in 0..<10 { _ = try step.run(batch, learningRate: 0.05) }
    #expect(try step.run(batch, learningRate: 0.05) < 0.6 * first)
    let ranges = before.keys.filter { $0.hasSuffix(".max") }
    #expect(!ranges.isEmpty && ranges.allSatisfy { step.variables[$0] != before[$0] })
  }

  @Test("take the gradient that differences give") func gradient() throws {
    // With plain SGD the change of a weight is the rate times its gradient.
    var options = TrainingOptions()
    options.optimizer.momentum = 0
    let graph = try convNet(), batch = try batch(8), step = try TrainingStep(graph, options)
    let old = try #require(step.variables["dense.weight"]?.elements(as: Float.self))
    _ = try step.run(batch, learningRate: 1)
    let new = try #require(step.variables["dense.weight"]?.elements(as: Float.self))
    for index in [3, 100, 333] {
      func loss(_ change: Float) throws -> Float {
        var weights = old
        weights[index] += change
        let probe = try TrainingStep(graph, options)
        try probe.setVariables(["dense.weight": AnyTensor(shape: [10, 64], weights)])
        return try probe.run(batch, learningRate: 0)
      }
      let slope = (try loss(0.01) - loss(-0.01)) / 0.02
      // Differences of float losses of about 2 are good to 2e-7 / 0.02.
      #expect(abs((old[index] - new[index]) - slope) < 2e-4)
    }
  }

  @Test("give back the evaluation form with what was learned") func evaluationGraph() throws {
    let graph = try convNet(), step = try TrainingStep(graph)
    _ = try step.run(batch(8), learningRate: 0.1)
    let result = step.evaluationGraph
    #expect(result.nodes.map { result[$0].name } == graph.nodes.map { graph[$0].name })
    #expect(result.variables.count == graph.variables.count)
    for name in ["conv.weight", "norm.mean", "norm.scale", "dense.bias"] {
      let id = try #require(result.value(named: name))
      #expect(result[id].variable == step.variables[name])
      #expect(result[id].variable != graph[id].variable)
    }
  }

  @Test("multiply in bfloat16 where asked, and learn", arguments: [false, true])
  func bfloat16(_ quantized: Bool) throws {
    var options = TrainingOptions()
    options.matmulPrecision = .bf16
    let graph = try quantized ? quantizedConvNet() : convNet(), batch = try batch(32)
    let step = try TrainingStep(graph, options), exact = try TrainingStep(graph)
    let marked = step.stepGraph.nodes.filter { step.stepGraph[$0].roundsToBfloat16 }
    #expect(!marked.isEmpty)
    #expect(exact.stepGraph.nodes.allSatisfy { !exact.stepGraph[$0].roundsToBfloat16 })
    let first = try step.run(batch, learningRate: 0.05)
    let other = try exact.run(batch, learningRate: 0.05)
    // Codes are multiplied exactly: there the gradients alone are rounded.
    #expect(quantized ? first == other : first != other && abs(first - other) < 0.02 * other)
    #expect(step.variables["dense.weight"] != exact.variables["dense.weight"])
    for _ in 0..<10 { _ = try step.run(batch, learningRate: 0.05) }
    #expect(try step.run(batch, learningRate: 0.05) < 0.6 * first)
  }

  @Test("keep batch-norm statistics that are frozen") func frozen() throws {
    var options = TrainingOptions()
    options.freezesBatchNorm = true
    let step = try TrainingStep(convNet(), options), before = step.variables
    _ = try step.run(batch(8), learningRate: 0.1)
    #expect(step.variables["norm.mean"] == before["norm.mean"])
    #expect(step.variables["norm.var"] == before["norm.var"])
    #expect(step.variables["norm.scale"] != before["norm.scale"])
  }

  @Test("keep all variables when the form changes, and round from then on") func forms() throws {
    var options = TrainingOptions()
    options.quantizes = false
    let step = try TrainingStep(quantizedConvNet(), options), batch = try batch(16)
    let float = try TrainingStep(convNet())
    for _ in 0..<2 {
      // Before quantizers round, training is that of the float net.
      #expect(try step.run(batch, learningRate: 0.05) == float.run(batch, learningRate: 0.05))
    }
    #expect(step.variables["dense.weight.velocity"] == float.variables["dense.weight.velocity"])
    let before = step.variables
    try step.setForm(quantizes: true, freezesBatchNorm: true)
    #expect(step.variables == before)
    #expect(try step.run(batch, learningRate: 0.05) != float.run(batch, learningRate: 0.05))
    #expect(step.variables["norm.mean"] == before["norm.mean"])
    #expect(step.variables["dense.weight.velocity"] != before["dense.weight.velocity"])
    let changed = step.variables
    try step.setForm(quantizes: false, freezesBatchNorm: false)
    #expect(step.variables == changed)
  }

  @Test("drop other elements in every step, and the same ones when run again") func dropout() throws
  {
    var graph = Graph(name: "drop")
    let x = graph.addInput("x", TensorType(.f32, Shape([Dimension(symbol: "N"), 64])))
    let w = graph.addVariable(
      "w", AnyTensor(shape: [64, 1], Array(repeating: Float(0), count: 64)))
    let dropped = try graph.addNode(Dropout(), [x], name: "drop")
    let y = try graph.addNode(MatMul(), [graph[dropped].result, w], name: "y")
    graph.setOutputs([graph[y].result])
    var options = TrainingOptions()
    options.loss = .mse
    options.optimizer.momentum = 0
    let batch = Batch(
      inputs: ["x": AnyTensor(shape: [1, 64], Array(repeating: Float(1), count: 64))],
      labels: AnyTensor(shape: [1, 1], [Float(1)]))
    /// Which weights move from 0 in each of three steps: those whose input was kept.
    func masks() throws -> [[Bool]] {
      let step = try TrainingStep(graph, options)
      return try (0..<3).map { _ in
        try step.setVariables([
          "w": AnyTensor(shape: [64, 1], Array(repeating: Float(0), count: 64))
        ])
        _ = try step.run(batch, learningRate: 0.5)
        let moved = try #require(step.variables["w"]?.elements(as: Float.self))
        // dw = -2 (1 - 0) x, and a kept x counts twice.
        #expect(moved.allSatisfy { $0 == 0 || $0 == 2 })
        return moved.map { $0 != 0 }
      }
    }
    let first = try masks()
    #expect(
      Set(first).count == 3 && first.allSatisfy { (16...48).contains($0.filter { $0 }.count) })
    #expect(try masks() == first)
  }

  @Test("say what is wrong with a batch") func badBatches() throws {
    let step = try TrainingStep(convNet())
    var unlabelled = try batch(4)
    unlabelled.labels = nil
    #expect(throws: Diagnostic.self) { try step.run(unlabelled, learningRate: 0.1) }
    var far = try batch(4)
    far.labels = AnyTensor(shape: [4], [0, 1, 2, 10] as [Int64])
    #expect(throws: Diagnostic.self) { try step.run(far, learningRate: 0.1) }
    #expect(throws: Diagnostic.self) {
      try step.run(
        Batch(
          inputs: ["imag": AnyTensor(shape: [1, 1, 8, 8], Array(repeating: Float(0), count: 64))],
          labels: AnyTensor(shape: [1], [Int64(1)])), learningRate: 0.1)
    }
  }

  @Test("take float targets, also without the axis of size 1") func regression() throws {
    var graph = Graph(name: "line")
    let x = graph.addInput("x", TensorType(.f32, Shape([Dimension(symbol: "N"), 2])))
    let w = graph.addVariable("w", AnyTensor(shape: [2, 1], [Float(0), 0]))
    let y = try graph.addNode(MatMul(), [x, w], name: "y")
    graph.setOutputs([graph[y].result])
    var options = TrainingOptions()
    options.loss = .mse
    options.optimizer.momentum = 0
    let step = try TrainingStep(graph, options)
    let batch = Batch(
      inputs: ["x": AnyTensor(shape: [2, 2], [Float(1), 0, 0, 2])],
      labels: AnyTensor(shape: [2], [Float(1), 2]))
    // loss = (1² + 2²) / 2; dw = mean of -2 (t - y) x = [-1, -4].
    #expect(try step.run(batch, learningRate: 0.5) == 2.5)
    #expect(step.variables["w"]?.elements(as: Float.self) == [0.5, 2])
  }
}
