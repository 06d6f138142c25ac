import QATCore
import QATIR
import QATPasses
import QATRewrite
import QATRuntime
import Testing

@Suite("A batch-norm behind a quantized product")
struct TrainedBatchNormTests {
  private static let text = """
    graph @net(%x: f32[N,2,4,4]) -> (%y: f32[N,3]) {
      constant %w: f32[3,2,1,1] = [0.5, -0.25, 1.0, 0.75, -0.5, 0.125]
      constant %gamma: f32[3] = [1.5, -0.5, 0.0]
      constant %beta: f32[3] = [0.25, 0.5, -0.125]
      constant %mean: f32[3] = [0.125, -0.25, 0.5]
      constant %variance: f32[3] = [1.0, 0.5, 2.0]
      %c = Conv(%x, %w)
      %n = BatchNormalization(%c, %gamma, %beta, %mean, %variance) {epsilon = 0.001}
      %r = Relu(%n)
      %p = GlobalAveragePool(%r)
      %y = Flatten(%p)
    }
    """

  private func lowered(_ pipeline: String) throws -> (fake: Graph, integers: Graph) {
    var context = PassContext()
    let x = AnyTensor(shape: [2, 2, 4, 4], (0..<64).map { Float(($0 * 37) % 64) / 16 - 2 })
    context[CalibrationData.self] = CalibrationData([["x": x]])
    var fake = try Graph(text: Self.text)
    let registry = PassRegistry.withPipelines
    try Pipeline("qat-prepare,qat-finish", registry: registry).run(on: &fake, &context)
    var integers = fake
    try Pipeline(pipeline, registry: registry).run(on: &integers, &context)
    return (fake, integers)
  }

  @Test("leaves no product in float once it is lowered, gamma of 0 and below included")
  func becomesInteger() throws {
    let (_, graph) = try lowered("lower-qoperator")
    let names = graph.nodes.map { graph[$0].op.name.description }
    #expect(names.contains("QLinearConv"))
    #expect(!names.contains("Conv") && !names.contains("BatchNormalization"))
  }

  @Test("computes the codes that training saw")
  func keepsCodes() throws {
    let (fake, integers) = try lowered("lower-qoperator")
    let x = AnyTensor(shape: [3, 2, 4, 4], (0..<96).map { Float(($0 * 29) % 96) / 24 - 2 })
    let seen = try Session(fake).run(["x": x]), deployed = try Session(integers).run(["x": x])
    #expect(seen == deployed)
  }
}
