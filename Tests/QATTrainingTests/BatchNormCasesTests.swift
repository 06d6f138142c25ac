import QATConfig
import QATCore
import QATData
import QATIR
import QATPasses
import QATRewrite
import QATRuntime
import QATTraining
import Testing

/// One way a batch-norm stands behind a product, on inputs f32[N,4,4,4].
struct BatchNormCase: Sendable, CustomTestStringConvertible {
  let testDescription: String
  /// The lines of the graph between `%x` and `%n`, f32[N,4,4,4] or f32[N,4].
  var product = "%c = Conv(%x, %w)"
  var weight = "f32[4,4,1,1]"
  var weightCount = 16
  var norm = "%n = BatchNormalization(%c, %gamma, %beta, %mean, %variance)"
  var gamma = "[1.5, 0.5, 1.0, 0.75]"
  var variance = "[1.0, 0.5, 2.0, 0.25]"
  var batch = 8
  /// Whether everything becomes integer operations; else the batch-norm stays in float.
  var folds = true
  var frozen = false

  static let all: [BatchNormCase] = [
    .init(testDescription: "gamma of 0", gamma: "[0.0, 0.5, 0.0, 0.75]"),
    .init(testDescription: "gamma below 0", gamma: "[-1.5, 0.5, -1.0, 0.75]"),
    .init(testDescription: "tiny variance", variance: "[1.0e-8, 0.0, 1.0e-6, 0.25]"),
    .init(
      testDescription: "epsilon of 1e-3",
      norm: "%n = BatchNormalization(%c, %gamma, %beta, %mean, %variance) {epsilon = 0.001}"),
    .init(
      testDescription: "momentum of 0.5",
      norm: "%n = BatchNormalization(%c, %gamma, %beta, %mean, %variance) {momentum = 0.5}"),
    .init(testDescription: "without a bias of the convolution"),
    .init(testDescription: "with a bias of the convolution", product: "%c = Conv(%x, %w, %b)"),
    .init(
      testDescription: "depthwise", product: "%c = Conv(%x, %w) {group = 4}", weight: "f32[4,1,2,2]"
    ),
    .init(
      testDescription: "grouped", product: "%c = Conv(%x, %w) {group = 2}", weight: "f32[4,2,1,2]"),
    .init(testDescription: "transposed", product: "%c = ConvTranspose(%x, %w)", folds: false),
    .init(
      testDescription: "behind a Gemm",
      product:
        "%p = GlobalAveragePool(%x)\n  %f = Flatten(%p)\n  %c = Gemm(%f, %w, %b) {transB = 1}",
      weight: "f32[4,4]"),
    .init(testDescription: "batches of one", batch: 1),
    .init(
      testDescription: "parameters shared by two convolutions",
      product: "%c = Conv(%x, %w)\n  %d = Conv(%x, %w, %b)",
      norm: """
        %n1 = BatchNormalization(%c, %gamma, %beta, %mean, %variance)
          %n2 = BatchNormalization(%d, %gamma, %beta, %mean, %variance)
          %n = Add(%n1, %n2)
        """),
    .init(
      testDescription: "a convolution that somebody else reads too",
      norm: """
        %m = BatchNormalization(%c, %gamma, %beta, %mean, %variance)
          %n = Add(%m, %c)
        """, folds: false),
    .init(testDescription: "frozen from step 0", frozen: true),
  ]

  func graph() throws -> Graph {
    let weights = (0..<weightCount).map { String(describing: Float(($0 * 7) % 16) / 16 - 0.46875) }
    return try Graph(
      text: """
        graph @net(%x: f32[N,4,4,4]) -> (%y: f32[N,4]) {
          constant %w: \(weight) = [\(weights.joined(separator: ", "))]
          constant %b: f32[4] = [0.25, -0.5, 0.125, 1.0]
          constant %gamma: f32[4] = \(gamma)
          constant %beta: f32[4] = [0.25, 0.5, -0.125, 0.0]
          constant %mean: f32[4] = [0.125, -0.25, 0.5, 0.0]
          constant %variance: f32[4] = \(variance)
          \(product)
          \(norm)
          %r = Relu(%n)
          \(product.contains("Gemm") ? "%y = Identity(%r)" : "%p2 = GlobalAveragePool(%r)\n  %y = Flatten(%p2)")
        }
        """)
  }
}

@Suite("A batch-norm in quantization-aware training")
struct BatchNormCasesTests {
  private func inputs(_ count: Int, seed: UInt64) -> AnyTensor {
    var random = RandomSource(seed: seed)
    return AnyTensor(shape: [count, 4, 4, 4], (0..<count * 64).map { _ in random.normal() })
  }

  // Per channel; per tensor; asymmetric: codes that folding keeps, and codes that it would not.
  @Test(
    "trains, and deploys the codes it trained with", arguments: BatchNormCase.all,
    ["recommended", "default", "mobile-optimized"])
  func trainAndDeploy(_ test: BatchNormCase, _ preset: String) throws {
    var context = PassContext()
    context[QuantizationConfig.self] = try QuantizationConfig(presetNamed: preset)
    context[CalibrationData.self] = CalibrationData([["x": inputs(8, seed: 1)]])
    let registry = PassRegistry.withPipelines
    var graph = try test.graph()
    try Pipeline("qat-prepare", registry: registry).run(on: &graph, &context)
    var options = TrainingOptions()
    options.freezesBatchNorm = test.frozen
    let step = try TrainingStep(graph, options)
    let before = step.variables
    for index in 0..<3 {
      let labels = AnyTensor(shape: [test.batch], (0..<test.batch).map { Int64(($0 + index) % 4) })
      let batch = Batch(inputs: ["x": inputs(test.batch, seed: UInt64(index + 2))], labels: labels)
      let loss = try step.run(batch, learningRate: 0.01)
      #expect(loss.isFinite)
    }
    let statistics = before.keys.filter { $0.contains("mean") && !$0.contains("velocity") }
    #expect(!statistics.isEmpty)
    for name in statistics {
      let stands = step.variables[name] == before[name]
      #expect(stands == test.frozen)
    }

    var fake = step.evaluationGraph
    try Pipeline("qat-finish", registry: registry).run(on: &fake, &context)
    var integers = fake
    try Pipeline("lower-qoperator", registry: registry).run(on: &integers, &context)
    try integers.verify(evaluation: true)
    let names = Set(integers.nodes.map { integers[$0].op.name.description })
    let isInteger = names.isDisjoint(with: ["Conv", "Gemm", "ConvTranspose", "BatchNormalization"])
    #expect(isInteger == test.folds, "\(names)")

    let x = inputs(16, seed: 9)
    let seen = try Session(fake).run(["x": x])[0].doubles ?? []
    let deployed = try Session(integers).run(["x": x])[0].doubles ?? []
    let areFinite = seen.allSatisfy(\.isFinite)
    #expect(areFinite)
    let scale = try #require(outputScale(integers))
    // A tie between two codes may round apart in float and in integers.
    let distances = zip(seen, deployed).map { abs($0 - $1) }
    #expect(distances.max() ?? 0 <= scale * 1.001)
    #expect(distances.count { $0 != 0 } <= 1)
  }

  @Test(
    "evaluates, where it was folded for training, to the bit as it is deployed",
    arguments: ["default", "mobile-optimized"])
  func evaluatesAsDeployed(_ preset: String) throws {
    let step = try trained(BatchNormCase(testDescription: preset), preset, steps: 2)
    let graph = step.evaluationGraph
    #expect(graph.nodes.contains { graph[$0].op is FoldedBatchNormalization })
    var finished = graph, context = PassContext()
    try Pipeline("qat-finish", registry: .withPipelines).run(on: &finished, &context)
    #expect(!finished.nodes.contains { finished[$0].op is FoldedBatchNormalization })
    let x = inputs(32, seed: 9)
    let seen = try Session(graph).run(["x": x]), after = try Session(finished).run(["x": x])
    #expect(seen == after)
  }

  @Test(
    "trains in float as an ordinary batch-norm does, and with frozen statistics too",
    arguments: ["default", "mobile-optimized"], [false, true])
  func trainsAsFloat(_ preset: String, _ frozen: Bool) throws {
    let test = BatchNormCase(testDescription: preset, product: "%c = Conv(%x, %w, %b)")
    var plain = try test.graph(), context = PassContext()
    try Pipeline("canonicalize,fold-constants,canonicalize,make-trainable", registry: .builtin)
      .run(on: &plain, &context)
    let ordinary = try trained(plain, steps: 4, quantizes: false, frozen: frozen)
    let folded = try trained(test, preset, steps: 4, quantizes: false, frozen: frozen)
    for (name, tensor) in ordinary.variables where plain.value(named: name) != nil {
      let a = tensor.doubles ?? [], b = folded.variables[name]?.doubles ?? []
      try #require(a.count == b.count, "\(name)")
      // Float sums in another order, over four steps at a rate of 0.1.
      #expect(zip(a, b).allSatisfy { abs($0 - $1) < 2e-5 }, "\(name): \(a), \(b)")
    }
  }

  private func trained(
    _ test: BatchNormCase, _ preset: String, steps: Int, quantizes: Bool = true,
    frozen: Bool = false
  ) throws -> TrainingStep {
    var context = PassContext(), graph = try test.graph()
    context[QuantizationConfig.self] = try QuantizationConfig(presetNamed: preset)
    context[CalibrationData.self] = CalibrationData([["x": inputs(8, seed: 1)]])
    try Pipeline("qat-prepare", registry: .withPipelines).run(on: &graph, &context)
    return try trained(graph, steps: steps, quantizes: quantizes, frozen: frozen)
  }

  private func trained(
    _ graph: Graph, steps: Int, quantizes: Bool, frozen: Bool
  ) throws -> TrainingStep {
    var options = TrainingOptions()
    (options.quantizes, options.freezesBatchNorm) = (quantizes, frozen)
    let step = try TrainingStep(graph, options)
    for index in 0..<steps {
      let labels = AnyTensor(shape: [8], (0..<8).map { Int64(($0 + index) % 4) })
      let batch = Batch(inputs: ["x": inputs(8, seed: UInt64(index + 2))], labels: labels)
      _ = try step.run(batch, learningRate: 0.1)
    }
    return step
  }

  private func outputScale(_ graph: Graph) -> Double? {
    graph.nodes.last { graph[$0].op is DequantizeLinear }.flatMap { graph[$0].operands[1] }
      .flatMap { graph[$0].constant?.doubles?.first }
  }
}
