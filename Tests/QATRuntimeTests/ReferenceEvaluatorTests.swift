import QATCore
import QATIR
import QATRuntime
import Testing

/// `x²` with the gradient of `x`: what a gradient check must notice.
private struct WrongSquare: UnaryFormula, Differentiable {
  static let name: OpName = "test.WrongSquare"
  func value<T: ReferenceFloat>(_ x: T) -> T { x * x }
  func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] { [call.seed] }
}

@Suite("The reference evaluator")
struct ReferenceEvaluatorTests {
  private func graph() throws -> Graph {
    var graph = Graph(name: "g")
    let x = graph.addInput("x", TensorType(.f32, [Dimension(symbol: "N"), 2]))
    let w = graph.addVariable("w", AnyTensor(shape: [2], [Float(2), 3]))
    let y = try graph.addNode(Mul(), [x, w], name: "mul", results: ["y"])
    graph.setOutputs([graph[y].result])
    return graph
  }

  @Test("gives values by name, and reads variables from overrides")
  func evaluate() throws {
    let x = AnyTensor(shape: [1, 2], [Float(1), -1])
    let evaluator = ReferenceEvaluator(try graph())
    #expect(try evaluator.evaluate(["x": x]).values["y"]?.doubles == [2, -3])
    let other = AnyTensor(shape: [2], [Float(5), 7])
    #expect(
      try evaluator.evaluate(["x": x], variables: ["w": other]).outputs[0].doubles == [5, -7])
  }

  @Test("names what is wrong with its inputs")
  func inputs() throws {
    let evaluator = ReferenceEvaluator(try graph())
    let x = AnyTensor(shape: [1, 2], [Float(1), -1])
    #expect(throws: Diagnostic.self) { try evaluator.evaluate([:]) }
    #expect(throws: Diagnostic.self) { try evaluator.evaluate(["x": x, "z": x]) }
    #expect(throws: Diagnostic.self) { try evaluator.evaluate(["x": x.reshaped([2, 1])]) }
    #expect(throws: Diagnostic.self) { try evaluator.evaluate(["x": x], variables: ["v": x]) }
  }

  @Test("says which operation lacks which protocol")
  func unsupported() {
    let opaque = Opaque("custom.Thing", [])
    #expect {
      try ReferenceEvaluator.evaluate(opaque, [AnyTensor(Float(1))])
    } throws: { error in
      let diagnostic = error as? Diagnostic
      return diagnostic?.code == .unsupported
        && diagnostic?.message.contains("custom.Thing") == true
        && diagnostic?.message.contains("Evaluable") == true
    }
  }

  @Test("a gradient check notices a wrong gradient")
  func wrongGradient() throws {
    withKnownIssue { try checkGradients(of: WrongSquare(), [numbers([3])]) }
  }
}
