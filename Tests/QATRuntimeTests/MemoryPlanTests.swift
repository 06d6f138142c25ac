import QATCore
import QATIR
import QATRuntime
import Testing

@Suite("The plan of memory")
struct MemoryPlanTests {
  private func chain() throws -> Graph {
    try Graph(
      text: """
        graph @chain(%x: f32[N,64]) -> (%y: f32[N,64]) {
          variable %w: f32[64] = [\(Array(repeating: "0.0", count: 64).joined(separator: ", "))]
          %a = Neg(%x)
          %b = Relu(%a)
          %c = Add(%b, %a)
          %new = Add(%w, %w)
          qat.Assign(%w, %new)
          %r = Flatten(%c)
          %y = Relu(%r)
        }
        """)
  }

  @Test("is the one that sessions run with", arguments: [1, 7])
  func same(_ batch: Int) throws {
    let graph = try chain(), session = try Session(graph)
    let x = AnyTensor(shape: [batch, 64], Array(repeating: Float(1), count: batch * 64))
    _ = try session.run(["x": x])
    let plan = try MemoryPlan(graph, inputs: [x.type])
    #expect(plan.byteCount == session.arenaByteCount)
    func place(_ name: String) -> MemoryPlan.Place? {
      graph.value(named: name).flatMap { plan[$0] }
    }
    #expect(place("x") == .input(0))
    #expect(place("new") == graph.value(named: "w").map { .variable($0) })
    #expect(place("r") == place("c") && place("y") == place("c"))
    #expect(place("a") != place("b"))
  }

  @Test("of the largest shapes is the memory of all")
  func shared() throws {
    let session = try Session(chain())
    for batch in [2, 7, 3, 7, 2] {
      let x = AnyTensor(shape: [batch, 64], (0..<batch * 64).map { Float($0) - 70 })
      let y = try session.run(["x": x])[0].elements(as: Float.self)
      let negated = (0..<batch * 64).map { 70 - Float($0) }
      #expect(y == negated.map { max(max($0, 0) + $0, 0) })
    }
    #expect(session.arenaByteCount == 2 * 7 * 256)
  }

  @Test(
    "writes results over operands of what works on elements",
    arguments: KernelCase.all.filter { $0.op is any WorksOnElements && $0.results == 1 })
  func inPlace(_ test: KernelCase) throws {
    let (alone, feeds) = try test.graph()
    let expected = try Session(alone).run(feeds)[0]
    guard let op = test.op as? any WorksOnElements else { return }
    for operand in type(of: op).elementOperands where test.inputs.contains(operand) {
      // A copy of the input, which nobody else reads.
      var graph = alone
      guard let node = graph.node(named: "node"), let x = graph[node].operands[operand] else {
        continue
      }
      let copy = try graph.addNode(Identity(), [x], name: "copy", results: ["copied"])
      var operands = graph[node].operands
      operands[operand] = graph[copy].result
      let again = try graph.addNode(test.op, operands, name: "again", results: ["z"])
      graph.setOutputs([graph[again].result])
      graph.remove(node)
      let z = try Session(graph).run(feeds)[0]
      #expect(z.bytes == expected.bytes)
      guard graph[x].type.byteCount == graph[graph[again].result].type.byteCount else { continue }
      let plan = try MemoryPlan(graph, inputs: graph.inputs.map { graph[$0].type })
      #expect(plan.source(of: graph[again].result) == graph[copy].result)
    }
  }
}
