import QATCore
import QATIR
import QATPasses
import QATRewrite
import Testing

@Suite("Checking values")
struct BrokenPassTests {
  /// A broken pass, a graph on which it shows, and the node that is to be blamed.
  struct Case: Sendable, CustomTestStringConvertible {
    let pass: any Pass
    let sample: String
    let form: String
    let node: String
    init(_ pass: any Pass, _ sample: String, _ form: String = "", node: String) {
      (self.pass, self.sample, self.form, self.node) = (pass, sample, form, node)
    }
    var testDescription: String { "\(type(of: pass))" }
  }

  static let cases = [
    Case(Broken<FoldBatchNorm, WrongAxis>(), "square", node: "conv"),
    Case(Broken<FoldBatchNorm, DroppedEpsilon>(), "square", node: "conv"),
    Case(Broken<FoldBatchNorm, SwappedMeanAndBias>(), "square", node: "conv"),
    Case(Broken<FoldBatchNorm, StaleStatistics>(), "square", node: "conv"),
    Case(Broken<FuseActivation, RemovesEveryRelu>(), "relu_in_between", node: "quantizer"),
    Case(Broken<EliminateCommonSubexpressions, IgnoresAttributes>(), "slopes", node: "first"),
    Case(Broken<FoldConstants, SwapsDifferences>(), "difference", node: "sub"),
    Case(Broken<LowerToInteger, SwapsScalesOfSums>(), "residual", "ptq-qdq", node: "s"),
    Case(Broken<LowerToInteger, DropsZeroPoint>(), "residual", "ptq-qdq", node: "a"),
    Case(Broken<LowerToInteger, WrongScaleAxis>(), "branches", "ptq-qdq", node: "a"),
    Case(Broken<QuantizeWeights, RoundsDown>(), "mlp", "ptq", node: "w1.quantized"),
  ]

  @Test("finds each of these broken passes, and names the pass and the node", arguments: cases)
  func find(_ broken: Case) throws {
    var graph = try Self.graph(broken)
    var context = PassContext.forTests(graph)
    let check = CheckValues(samples: sampleInputs(for: graph, count: 3))
    do throws(Diagnostic) {
      try Pipeline([broken.pass]).run(on: &graph, &context, instruments: [check])
      Issue.record("nothing was found")
    } catch {
      #expect(error.code == .brokenPromise)
      let place = error.place ?? ""
      #expect(place.hasPrefix("pass \(type(of: broken.pass).name): "), "\(error)")
      #expect(place.hasSuffix("node '\(broken.node)'"), "\(error)")
    }
  }

  @Test("finds nothing where the pass is whole", arguments: cases)
  func findNothing(_ broken: Case) throws {
    var graph = try Self.graph(broken)
    var context = PassContext.forTests(graph)
    let check = CheckValues(samples: sampleInputs(for: graph, count: 3))
    try Pipeline(type(of: broken.pass).name, registry: .builtin)
      .run(on: &graph, &context, instruments: [check])
  }

  private static func graph(_ broken: Case) throws -> Graph {
    if let text = graphs[broken.sample] { return try Graph(text: text) }
    return try Sample.graph(broken.sample, after: broken.form)
  }

  private static let graphs = [
    "square": """
    graph @square(%x: f32[N,2,3,3]) -> (%z: f32[N,2,3,3]) {
      constant %w: f32[2,2,1,1] = [1.0, -2.0, 0.5, 3.0]
      constant %gamma: f32[2] = [1.0, -2.0]
      constant %beta: f32[2] = [0.5, 0.25]
      constant %mean: f32[2] = [0.25, -0.5]
      constant %var: f32[2] = [1.5, 0.25]
      %c = Conv(%x, %w, %beta) name("conv")
      %y = BatchNormalization(%c, %gamma, %beta, %mean, %var) {epsilon = 0.001}
      %z = Relu(%y)
    }
    """,
    "relu_in_between": """
    graph @relu(%x: f32[N,8]) -> (%z: f32[N,8]) {
      constant %s: f32[] = [0.5]
      constant %zero: i32[] = [3]
      %t = Tanh(%x)
      %r = Relu(%t)
      %y = qat.FakeQuantize(%r, %s, %zero) {grid = u8} name("quantizer")
      %z = Neg(%y)
    }
    """,
    "slopes": """
    graph @slopes(%x: f32[N,8]) -> (%y: f32[N,8]) {
      %1 = LeakyRelu(%x) {alpha = 0.1} name("first")
      %2 = LeakyRelu(%x) {alpha = 0.2} name("second")
      %y = Add(%1, %2)
    }
    """,
    "difference": """
    graph @difference(%x: f32[N,2]) -> (%z: f32[N,2]) {
      constant %a: f32[2] = [1.0, 2.0]
      constant %b: f32[2] = [0.5, 4.0]
      %d = Sub(%a, %b) name("sub")
      %y = Mul(%x, %d)
      %z = Relu(%y)
    }
    """,
  ]
}
