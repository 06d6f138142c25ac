import QATCore
import QATIR
import QATONNX
import QATRuntime
import Testing

@Suite("The opset of a file")
struct ExportOpsetTests {
  /// A graph of one operation on an input f32[2,6,4].
  private func graph(
    of op: any Operation, parameters: [[Int]] = [], results: Int = 1
  ) throws -> Graph {
    var graph = Graph(name: "g")
    let x = graph.addInput("x", TensorType(.f32, [2, 6, 4]))
    let operands = parameters.enumerated().map { index, shape in
      let count = shape.reduce(1, *)
      let numbers = (0..<count).map { Double($0 % 5) / 4 + 0.5 }
      return graph.addConstant("p\(index)", AnyTensor(.f32, shape: shape, rounding: numbers))
    }
    let names = (0..<results).map { "y\($0)" as String? }
    let node = try graph.addNode(op, [x] + operands, name: "the node", results: names)
    graph.setOutputs(graph[node].results.compactMap { $0 })
    return graph
  }

  private static let cases: [(op: any Operation, parameters: [[Int]], since: Int, usual: Int)] = [
    (Swish(alpha: 1.5), [], 24, 13), (HardSwish(), [], 14, 14), (Mish(), [], 18, 18),
    (Gelu(), [], 20, 20), (Gelu(approximate: "tanh"), [], 20, 20),
    (LayerNormalization(), [[4], [4]], 17, 17), (LayerNormalization(axis: 1), [[6, 4]], 17, 17),
    (RMSNormalization(axis: -1), [[4]], 23, 18),
    (GroupNormalization(groups: 3), [[6], [6]], 21, 13),
  ]

  @Test("an operation that came later is written as older ones", arguments: cases.indices)
  func expand(_ index: Int) throws {
    let (op, parameters, since, usual) = Self.cases[index]
    let graph = try graph(of: op, parameters: parameters)
    let x = AnyTensor(
      .f32, shape: [2, 6, 4], rounding: (0..<48).map { Double($0 * 37 % 48) / 8 - 3 })
    let wanted = try ReferenceEvaluator(graph).evaluate(["x": x]).outputs[0].doubles ?? []
    #expect(try Exporter.file(of: graph).opsets[""] == usual)
    for limit in [13, 17, 20, 24] {
      let file = try Exporter.file(of: graph, opset: limit)
      #expect(file.opsets[""] ?? 99 <= limit)
      let again = try Importer.graph(of: file)
      #expect(again.outputs.map { again[$0].name } == ["y0"])
      #expect(again.nodes.contains { again[$0].op.name == op.name } == (since <= limit))
      let outputs = try ReferenceEvaluator(again).evaluate(["x": x]).outputs
      for (a, b) in zip(outputs[0].doubles ?? [], wanted) { #expect(abs(a - b) <= 1e-5) }
    }
  }

  @Test("what needs a higher opset anyway leaves the others as they are")
  func keepWhereNeeded() throws {
    var graph = try graph(of: Swish())
    let cast = try graph.addNode(
      Cast(to: .f8e8m0), [graph.outputs[0]], name: "cast", results: ["z"])
    graph.setOutputs([graph[cast].result])
    let file = try Exporter.file(of: graph)
    #expect(file.opsets[""] == 24)
    #expect(try Importer.graph(of: file).nodes.count == 2)
  }

  @Test("an opset that does not hold the graph, or none, is an error that names the node")
  func refuse() throws {
    let statistics = try graph(of: LayerNormalization(), parameters: [[4]], results: 3)
    #expect(try Exporter.file(of: statistics).opsets[""] == 17)
    let error = #expect(throws: Diagnostic.self) {
      try Exporter.file(of: statistics, opset: 16)
    }
    #expect(error?.code == .unsupported)
    #expect(error?.place == "node 'the node' (LayerNormalization)")
    for wrong in [12, 29] {
      let error = #expect(throws: Diagnostic.self) {
        try Exporter.file(of: statistics, opset: wrong)
      }
      #expect(error?.code == .invalidOption)
    }
  }

  @Test("axes of a reduction are an attribute below opset 18")
  func axes() throws {
    var graph = Graph(name: "g")
    let x = graph.addInput("x", TensorType(.f32, [2, 3]))
    let axes = graph.addConstant("axes", AnyTensor(shape: [1], [Int64(-1)]))
    let node = try graph.addNode(ReduceMean(), [x, axes], name: "mean", results: ["y"])
    graph.setOutputs([graph[node].result])
    #expect(try Exporter.file(of: graph).opsets[""] == 18)
    let old = try Exporter.file(of: graph, opset: 13)
    #expect(old.opsets[""] == 13)
    #expect(old.graph.nodes[0].inputs == ["x"])
    #expect(old.graph.initializers.isEmpty)
    let again = try Importer.graph(of: old)
    #expect(again[again.outputs[0]].type.shape == [2, 1])
  }
}
