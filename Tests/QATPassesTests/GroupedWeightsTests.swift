import QATConfig
import QATCore
import QATIR
import QATPasses
import QATRewrite
import QATRuntime
import Testing

@Suite("Weights with a scale per group")
struct GroupedWeightsTests {
  private func context(_ graph: Graph, bits: Int) -> PassContext {
    var config = QuantizationConfig.recommended
    config.weights?.granularity = .perGroup(blockSize: 2)
    config.weights?.narrow = false
    config.weights?.bits = bits
    var context = PassContext.forTests(graph)
    context[QuantizationConfig.self] = config
    return context
  }

  @Test(
    "keep their values through every form", arguments: try Sample.names(),
    ["ptq-qdq", "ptq-qoperator", "ptq-weight-only", "ptq-matmulnbits"])
  func keepValues(_ sample: String, _ pipeline: String) throws {
    for bits in [8, 4] {
      var graph = try Sample.graph(sample)
      var context = context(graph, bits: bits)
      let check = CheckValues(samples: sampleInputs(for: graph, count: 3))
      try Pipeline(pipeline, registry: .withPipelines)
        .run(on: &graph, &context, instruments: [VerifyEach(), check])
    }
  }

  @Test("are nearer to the weights than scales per channel, and those nearer than one")
  func errors() throws {
    let graph = try Sample.graph("mlp")
    func error(_ granularity: TensorQuantization.Granularity) throws -> Double {
      var config = QuantizationConfig.int4Aggressive
      config.weights?.observer = .init(.minMax)
      config.weights?.granularity = granularity
      var quantized = graph
      var context = PassContext()
      context[QuantizationConfig.self] = config
      try Pipeline("ptq-weight-only", registry: .withPipelines).run(on: &quantized, &context)
      let w = try #require(graph.value(named: "w1").flatMap { graph[$0].constant?.doubles })
      let product = try #require(quantized.node(named: "h"))
      let operand = try #require(quantized[product].operands[1])
      let inputs = sampleInputs(for: graph, count: 1)[0]
      let values = try ReferenceEvaluator(quantized).evaluate(inputs).values
      let q = try #require(values[quantized[operand].name]?.doubles)
      return zip(w, q).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    let group = try error(.perGroup(blockSize: 2)), channel = try error(.perChannel)
    #expect(group < channel)
    #expect(try channel < error(.perTensor))
  }

  @Test("take part in training: the gradient reaches them through the blocks' clipping")
  func gradient() throws {
    var graph = try Sample.graph("mlp")
    var context = context(graph, bits: 4)
    try Pipeline(
      "qat-prepare,attach-loss{kind=mse},enter-training,differentiate,apply-optimizer",
      registry: .withPipelines
    ).run(on: &graph, &context, instruments: [VerifyEach()])
    let gradient = try #require(graph.nodes.first { graph[$0].op is FakeQuantizeGradient })
    let blocks = graph.nodes.compactMap { (graph[$0].op as? FakeQuantizeGradient)?.blockSize }
    #expect(blocks.filter { $0 == 2 }.count == 2, "\(graph[gradient].name)")
  }
}
