import QATCore
import QATIR
import QATPasses
import QATRewrite
import QATRuntime
import Testing

/// A graph in training form around a folded batch-norm, from variables to gradients.
@Suite("The correction of a folded batch-norm")
struct PreparedBatchNormTests {
  private typealias Case = BatchNormCorrectionCase

  /// Prepared, with a given quantizer of the weight, the sum of y·dy as loss, and gradients.
  private func graph(_ statistics: PrepareBatchNorm.Statistics) throws -> Graph {
    var graph = try Graph(
      text: """
        graph @g(%x: f64[N,2,3,3], %dy: f64[N,4,2,2]) -> (%loss: f64[]) {
          variable %w: f64[4,2,2,2] = \(Case.w)
          variable %c: f64[4] = \(Case.c)
          variable %gamma: f64[4] = \(Case.gamma)
          variable %beta: f64[4] = \(Case.beta)
          variable %mean: f64[4] = \(Case.mean)
          variable %variance: f64[4] = \(Case.variance)
          constant %scale: f64[] = [\(Case.scale)]
          constant %zero: i32[] = [\(Case.zeroPoint)]
          %p = Conv(%x, %w, %c) note("qat.weights" = "u8 asymmetric per-tensor min-max", "qat.activations" = "float")
          %y = BatchNormalization(%p, %gamma, %beta, %mean, %variance) {epsilon = \(Case.epsilon), momentum = \(Case.momentum)}
          %products = Mul(%y, %dy)
          %loss = ReduceSum(%products) {keepdims = 0}
        }
        """)
    var context = PassContext()
    var prepare = PrepareBatchNorm()
    prepare.statistics = statistics
    try prepare.run(on: &graph, &context)
    let conv = try #require(graph.node(named: "p")), weight = try #require(graph[conv].operands[1])
    let scale = try #require(graph.value(named: "scale")),
      zero = try #require(graph.value(named: "zero"))
    let quantizer = try graph.addNode(
      FakeQuantize(grid: .uint8), [weight, scale, zero], name: "q", before: conv)
    graph.setOperand(1, of: conv, to: graph[quantizer].result)
    try EnterTraining().run(on: &graph, &context)
    try Differentiate().run(on: &graph, &context)
    try graph.verify()
    return graph
  }

  @Test(
    "has the values, statistics and gradients of PyTorch, in float64",
    arguments: PrepareBatchNorm.Statistics.allCases)
  func agreeWithPyTorch(_ statistics: PrepareBatchNorm.Statistics) throws {
    let graph = try graph(statistics)
    let x = AnyTensor(shape: [3, 2, 3, 3], Case.x), dy = AnyTensor(shape: [3, 4, 2, 2], Case.dy)
    let outcome = try ReferenceEvaluator(graph).evaluate(["x": x, "dy": dy])
    let expected = try #require(Case.expected[statistics.rawValue])
    let found: [String: AnyTensor?] = [
      "y": graph.nodes.first { graph[$0].op is Mul && graph[$0].name == "products" }
        .flatMap { graph[$0].operands[0] }.flatMap { outcome.values[graph[$0].name] },
      "newMean": outcome.variables["mean"], "newVariance": outcome.variables["variance"],
      "dw": outcome.values["w.gradient"], "dgamma": outcome.values["gamma.gradient"],
      "dbeta": outcome.values["beta.gradient"],
    ]
    for (name, numbers) in expected {
      let actual = try #require(found[name]??.doubles, "\(name)")
      try #require(actual.count == numbers.count)
      let largest = numbers.map(abs).max() ?? 1
      for (a, b) in zip(actual, numbers) {
        // Sums of some dozens of terms in float64, in another order.
        #expect(abs(a - b) <= 1e-12 * max(1, largest), "\(name): \(a), not \(b)")
      }
    }
    // The bias of the convolution does not matter to what a batch-norm makes of it.
    let bias = outcome.values["c.gradient"]?.doubles ?? []
    #expect(bias.allSatisfy { abs($0) < 1e-12 })
  }

  @Test("moves with gradients that central differences confirm")
  func gradients() throws {
    let op = BatchNormalizationCorrection(epsilon: 1e-2)
    let x = AnyTensor(shape: [3, 2, 2], (0..<12).map { Double($0 * 7 % 12) / 4 - 1.3 })
    let vectors: [[Double]] = [[1.5, -0.75], [0.25, 0.5], [0.5, -1], [0.75, 1.5], [0.5, 0.25]]
    let operands = [x] + vectors.map { AnyTensor(shape: [2], $0) }
    let seeds = (0..<12).map { Double($0 * 5 % 12) / 6 - 1 }
    func loss(_ operands: [AnyTensor]) throws -> Double {
      let y = try ReferenceEvaluator.evaluate(op, operands, resultCount: 3)[0].doubles ?? []
      return zip(y, seeds).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let found = try ReferenceEvaluator.evaluate(
      BatchNormalizationCorrectionGradient(epsilon: 1e-2),
      [AnyTensor(shape: [3, 2, 2], seeds), operands[0], operands[1], operands[4]], resultCount: 4)
    for (operand, gradient) in zip([0, 1, 2, 5], found) {
      let values = operands[operand].doubles ?? []
      for index in values.indices {
        let sides = try [1e-5, -1e-5].map { step in
          var moved = values, all = operands
          moved[index] += step
          all[operand] = AnyTensor(shape: operands[operand].shape, moved)
          return try loss(all)
        }
        let numeric = (sides[0] - sides[1]) / 2e-5
        #expect(abs(numeric - (gradient.doubles ?? [])[index]) <= 1e-6 * max(1, abs(numeric)))
      }
    }
  }

  @Test("passes a channel on that shows no statistics, and moves nothing of it")
  func hiddenChannel() throws {
    // Gamma is 0, and 1e-30 behind weights that are all zero on their grid.
    let x = AnyTensor(shape: [2, 3, 2], [0, 0, 0, 0, 1, 3, 0, 0, 0, 0, 5, 7] as [Float])
    let vectors: [[Float]] = [
      [0, 1e-30, 2], [0.25, 0.5, 1], [0.5, -1, 2], [0.75, 1.5, 4], [8, 16, 32],
    ]
    let operands = [x] + vectors.map { AnyTensor(shape: [3], $0) }
    let dy = AnyTensor(shape: [2, 3, 2], (1...12).map(Float.init))
    for isFast in [false, true] {
      let forward = try run(BatchNormalizationCorrection(epsilon: 0), operands, 3, isFast)
      #expect(Array((forward[0].elements(as: Float.self) ?? []).prefix(4)) == [8, 8, 16, 16])
      #expect(Array((forward[1].elements(as: Float.self) ?? []).prefix(2)) == [0.5, -1])
      #expect(Array((forward[2].elements(as: Float.self) ?? []).prefix(2)) == [0.75, 1.5])
      let y = (forward[0].elements(as: Float.self) ?? [])[4...5]
      // Mean 4 and variance 5 of 1, 3, 5, 7; k = 1.
      #expect(
        zip(y, [-3, -1]).allSatisfy { abs($0 - ($1 * 2 / Float(5).squareRoot() + 1)) < 1e-6 })
      let backward = try run(
        BatchNormalizationCorrectionGradient(epsilon: 0), [dy, x, operands[1], operands[4]], 4,
        isFast)
      let dx = backward[0].elements(as: Float.self) ?? []
      #expect(Array(dx.prefix(4)) == [1, 2, 3, 4])
      let rest = backward.dropFirst().map { $0.elements(as: Float.self) ?? [] }
      #expect(rest.map { Array($0.prefix(2)) } == [[0, 0], [0, 0], [18, 26]])
      #expect(rest[1][2] == 34 && rest[2][2] == 0)
    }
  }

  @Test("is what the kernel computes", arguments: [true, false])
  func kernel(_ hasBias: Bool) throws {
    var numbers = SeededNumbers(seed: 3)
    let shape = [5, 6, 3, 7], count = shape.reduce(1, *)
    let x = AnyTensor(shape: shape, (0..<count).map { _ in numbers.float() })
    let dy = AnyTensor(shape: shape, (0..<count).map { _ in numbers.float() })
    var vectors = (0..<6).map { _ in (0..<6).map { _ in numbers.float() } }
    vectors[0][2] = 0
    vectors[3] = vectors[3].map { abs($0) + 0.1 }
    let operands = [x] + vectors.prefix(hasBias ? 6 : 5).map { AnyTensor(shape: [6], $0) }
    let gradient = BatchNormalizationCorrectionGradient(epsilon: 1e-3)
    for (op, operands, results) in [
      (BatchNormalizationCorrection(epsilon: 1e-3) as any Operation, operands, 3),
      (gradient, [dy, x, operands[1], operands[4]], 4),
    ] {
      let reference = try run(op, operands, results, false)
      for (a, b) in zip(reference, try run(op, operands, results, true)) {
        let largest = (a.doubles ?? []).map(abs).max() ?? 1
        #expect(
          zip(a.doubles ?? [], b.doubles ?? []).allSatisfy {
            abs($0 - $1) <= 2e-6 * max(largest, 1)
          })
      }
    }
  }

  /// Runs an operation on inputs, by the reference or in a session.
  private func run(
    _ op: any Operation, _ operands: [AnyTensor], _ results: Int, _ isFast: Bool
  ) throws -> [AnyTensor] {
    guard isFast else {
      return try ReferenceEvaluator.evaluate(op, operands, resultCount: results)
    }
    var graph = Graph(name: "g")
    let ids = operands.enumerated().map { graph.addInput("x\($0)", $1.type) }
    let node = try graph.addNode(
      op, ids, name: "y", results: Array(repeating: "", count: results))
    graph.setOutputs(graph[node].results.compactMap { $0 })
    let inputs = zip(operands.indices, operands).map { ("x\($0)", $1) }
    return try Session(graph).run(Dictionary(uniqueKeysWithValues: inputs))
  }
}
