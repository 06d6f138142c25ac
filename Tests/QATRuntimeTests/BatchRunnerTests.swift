import QATCore
import QATIR
import QATKernels
import Testing

@testable import QATRuntime

@Suite("Batches in parts")
struct BatchRunnerTests {
  @Test(
    "give what the whole batch gives, to the last bit",
    arguments: KernelCase.all + KernelCase.batches)
  func agree(_ test: KernelCase) throws {
    for (graph, feeds) in test.inBatches where Samples(graph) != nil {
      let whole = try Session(graph, watching: nil).run(feeds)
      let inputs = graph.inputs.compactMap { feeds[graph[$0].name] }
      for (threads, together) in [(1, 1), (1, 3), (3, 1)] {
        let pool = ThreadPool(threads: threads)
        let runner = try #require(
          BatchRunner(graph, variables: [:], pool: pool, together: together))
        let results = try #require(try runner.run(inputs))
        #expect(results.map(\.type) == whole.map(\.type))
        #expect(results.map(\.bytes) == whole.map(\.bytes), "\(graph)")
      }
    }
  }

  @Test("are run of every operation that says that it keeps samples apart")
  func everyOperation() {
    let tried = Set(
      (KernelCase.all + KernelCase.batches).filter {
        $0.inBatches.contains { Samples($0.graph) != nil }
      }
      .map(\.op.name))
    let declared = OpRegistry.builtin.names.filter {
      OpRegistry.builtin[$0] is any KeepsSamplesApart.Type
    }
    // Those of channels last ask the operation itself.
    let missing = declared.filter { !tried.contains($0) && !$0.type.hasPrefix("Nhwc") }
    #expect(missing.isEmpty, "\(missing)")
  }

  @Test(
    "are not made where samples meet",
    arguments: [
      "%y = Transpose(%x) {perm = [1, 0, 2]}", "%y = Softmax(%x) {axis = 0}",
      "%y = Softmax(%x) {axis = -3}", "%y = ReduceMean(%x, %front)", "%y = ReduceMean(%x)",
      "%y = Concat(%x, %x) {axis = 0}", "%y = CumSum(%x, %front)", "%y = Add(%x, %pair)",
      "%a = ReduceMax(%x)  %y = Add(%x, %a)", "%y = QuantizeLinear(%x, %steps) {axis = 0}",
      "%a, %b, %c = DynamicQuantizeLinear(%x)  %y = DequantizeLinear(%a, %b, %c)",
      "%a = Shape(%x)  %b = Cast(%a) {to = 1}  %c = ReduceMax(%b)  %y = Add(%x, %c)",
      "%y, %i = MaxPool(%x) {kernel_shape = [2]}", "%y = Gather(%x, %front)",
    ])
  func meeting(_ body: String) throws {
    #expect(Samples(try Self.graph(body)) == nil)
  }

  @Test(
    "go through shapes that are computed from the batch's",
    arguments: [
      // As views of heads: to rows of a sample and back.
      """
      %s = Shape(%x)  %n = Gather(%s, %front)  %v = Concat(%n, %rest) {axis = 0}
      %rows = Reshape(%x, %v)  %y = Softmax(%rows)
      """,
      """
      %rows = Reshape(%x, %columns)  %h = Softmax(%rows)  %y = Reshape(%h, %heads)
      """,
      // As a token in front of those of each sample.
      """
      %s = Shape(%x) {end = 1}  %v = Concat(%s, %token_shape) {axis = 0}
      %t = Expand(%token, %v)  %y = Concat(%t, %x) {axis = 1}
      """,
    ])
  func shapes(_ body: String) throws {
    let graph = try Self.graph(body), x = KernelCase.floats([5, 3, 4])
    let runner = try #require(
      BatchRunner(graph, variables: [:], pool: .single, together: 2))
    #expect(try runner.run([x]) == Session(graph, watching: nil).run(["x": x]))
  }

  private static func graph(_ body: String) throws -> Graph {
    let lines = body.replacing("  %", with: "\n%")
    var graph = try Graph(
      text: """
        graph @batch(%x: f32[N,3,4]) -> (%x: f32[N,3,4]) {
          constant %front: i64[1] = [0]
          constant %rest: i64[2] = [4, 3]
          constant %columns: i64[2] = [-1, 4]
          constant %heads: i64[3] = [-1, 3, 4]
          constant %token: f32[1,1,4] = [1.0, 2.0, 3.0, 4.0]
          constant %token_shape: i64[2] = [1, 4]
          constant %pair: f32[2,1,1] = [1.0, 2.0]
          constant %steps: f32[2] = [1.0, 2.0]
          \(lines)
        }
        """)
    graph.setOutputs([try #require(graph.value(named: "y"))])
    return graph
  }

  @Test("say what the whole batch says of a mistake in its data")
  func mistakes() throws {
    let graph = try Graph(
      text: """
        graph @pick(%i: i64[N,2]) -> (%y: f32[N,2]) {
          constant %table: f32[3] = [1.0, 2.0, 3.0]
          %y = Gather(%table, %i)
        }
        """)
    let indices = AnyTensor(shape: [4, 2], [0, 1, 2, 0, 1, 7, 2, 1] as [Int64])
    let whole = #expect(throws: Diagnostic.self) {
      try Session(graph, watching: nil).run(["i": indices])
    }
    for threads in [1, 2] {
      let pool = ThreadPool(threads: threads)
      let runner = try #require(BatchRunner(graph, variables: [:], pool: pool, together: 1))
      let part = #expect(throws: Diagnostic.self) { try runner.run([indices]) }
      #expect(part?.description == whole?.description)
    }
  }

  @Test("take less memory than the batch, in a session, where nobody looks at values in between")
  func session() throws {
    let graph = try Graph(
      text: """
        graph @wide(%x: f32[N,65536], %z: f32[N,1]) -> (%y: f32[N,65536]) {
          %a = Mul(%x, %z)
          %b = Softmax(%a)
          %y = Add(%b, %x)
        }
        """)
    let x = KernelCase.floats([20, 65536]), z = KernelCase.floats([20, 1])
    let watched = try Session(graph, watching: ["a"])
    let expected = try watched.run(["x": x, "z": z])
    for threads in [1, 2] {
      let session = try Session(graph, threads: threads)
      #expect(try session.run(["x": x, "z": z]) == expected)
      #expect(session.arenaByteCount < watched.arenaByteCount / 4)
      #expect(
        try session.profile(["x": x, "z": z], runs: 1).map(\.byteCount).max() == 3 * 20 << 18)
      // A hook sees the batch.
      var seen: [Int] = []
      try session.addHook(on: "b") { seen = $0.value.shape }
      #expect(try session.run(["x": x, "z": z]) == expected && seen == [20, 65536])
    }
    #expect(throws: Diagnostic.self) {
      try Session(graph).run(["x": x, "z": KernelCase.floats([19, 1])])
    }
  }
}

extension KernelCase {
  /// The node with samples in some of its operands, in each way: the first dimension of these is `N`.
  fileprivate var inBatches: [(graph: Graph, feeds: [String: AnyTensor])] {
    let counted = operands.indices.filter { (operands[$0]?.shape.first ?? 0) > 1 }.prefix(5)
    return (1..<1 << counted.count).compactMap { choice in
      let chosen = counted.indices.filter { choice >> $0 & 1 == 1 }.map { counted[$0] }
      guard Set(chosen.map { operands[$0]!.shape[0] }).count == 1 else { return nil }
      var graph = Graph(name: "batch")
      var feeds: [String: AnyTensor] = [:]
      let values = operands.enumerated().map { index, tensor -> ValueID? in
        guard let tensor else { return nil }
        guard chosen.contains(index) else { return graph.addConstant("c\(index)", tensor) }
        feeds["x\(index)"] = tensor.twice
        let shape = [Dimension(symbol: "N")] + tensor.shape.dropFirst().map { Dimension($0) }
        return graph.addInput("x\(index)", TensorType(tensor.element, Shape(shape)))
      }
      let names = (0..<results).map { "y\($0)" }
      // What has no such types is no node.
      guard let node = try? graph.addNode(op, values, name: "node", results: names) else {
        return nil
      }
      graph.setOutputs(graph[node].results.compactMap { $0 })
      return (graph, feeds)
    }
  }
}

extension AnyTensor {
  /// The samples, and the samples again from the second one on.
  fileprivate var twice: AnyTensor {
    let first = bytes.count / shape[0]
    return AnyTensor(
      element, shape: [2 * shape[0]] + shape.dropFirst(),
      storage: TensorStorage(bytes: bytes + bytes.dropFirst(first) + bytes.prefix(first)))
  }
}
