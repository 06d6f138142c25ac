import QATCore
import Testing

@testable import QATIR

@Suite("The verifier")
struct VerifierTests {
  static let text = """
    graph @g(%x: f32[N,2]) -> (%z: f32[N,2]) {
      variable %v: f32[2] = [1.0, 2.0]
      constant %c: f32[2] = [3.0, 4.0]
      %y = Add(%x, %v) : f32[N,2]
      %z = Add(%y, %c) : f32[N,2]
      %w = Add(%v, %c) : f32[2]
      qat.Assign(%v, %w) name("update")
    }
    """

  func graph() throws -> Graph { try Graph(text: Self.text, registry: .testing) }

  func expect(
    _ graph: Graph, fails message: String, at place: String, evaluation: Bool = false
  ) {
    do throws(Diagnostic) {
      try graph.verify(evaluation: evaluation)
      Issue.record("nothing was found")
    } catch {
      #expect(error.message.contains(message) && error.place == place, "\(error)")
    }
  }

  @Test("finds nothing in a sound graph, but an assignment in one for evaluation")
  func acceptSoundGraph() throws {
    let graph = try graph()
    try graph.verify()
    expect(
      graph, fails: "changes the variable %v", at: "node 'update' (qat.Assign)", evaluation: true)
  }

  @Test("finds users that disagree with operands")
  func findUsers() throws {
    var graph = try graph()
    let y = try #require(graph.value(named: "y"))
    graph.values[y.index].users = []
    expect(graph, fails: "value %y: its list of users is wrong about 'z'", at: "node 'y' (Add)")
  }

  @Test("finds nodes out of order")
  func findOrder() throws {
    var graph = try graph()
    let y = try #require(graph.node(named: "y"))
    let z = try #require(graph.node(named: "z"))
    graph.move(z, before: y)
    expect(graph, fails: "operand 0, %y, is computed later, by 'y'", at: "node 'z' (Add)")
  }

  @Test("finds a chain of nodes that is broken or runs in circles")
  func findBrokenChain() throws {
    var broken = try graph()
    var circular = broken
    let y = try #require(broken.node(named: "y"))
    broken.nodeTable[y.index].next = nil
    expect(broken, fails: "4 nodes exist, 1 are in order", at: "g")
    circular.nodeTable[y.index].next = y
    expect(circular, fails: "the order of the nodes is broken", at: "g")
  }

  @Test("finds names that two values or nodes share")
  func findNames() throws {
    var values = try graph()
    let y = try #require(values.value(named: "y"))
    values.values[y.index].name = "z"
    expect(values, fails: "value %z: another value has this name", at: "node 'y' (Add)")
    var nodes = try graph()
    let node = try #require(nodes.node(named: "y"))
    nodes.nodeTable[node.index].name = "z"
    expect(nodes, fails: "another node has this name", at: "node 'z' (Add)")
  }

  @Test("finds operands and outputs that are gone")
  func findMissing() throws {
    var operand = try graph()
    let c = try #require(operand.value(named: "c"))
    operand.values.remove(c.index)
    operand.valueNames["c"] = nil
    expect(operand, fails: "operand 1 does not exist", at: "node 'z' (Add)")
    var output = try graph()
    output.outputs = [ValueID(index: 99)]
    expect(output, fails: "an output does not exist", at: "g")
  }

  @Test("finds types that inference does not give, and allows unknown dimensions")
  func findTypes() throws {
    var graph = try graph()
    let z = try #require(graph.value(named: "z"))
    graph.setType(of: z, to: TensorType(.f32, [.unknown, 2]))
    try graph.verify()
    graph.setType(of: z, to: TensorType(.f32, nil))
    try graph.verify()
    graph.setType(of: z, to: TensorType(.f32, [Dimension(symbol: "N"), 3]))
    expect(
      graph, fails: "%z has the type f32[N,3], inference says f32[N,2]", at: "node 'z' (Add)")
    let c = try #require(graph.value(named: "c"))
    graph.setType(of: c, to: TensorType(.f32, [3]))
    expect(graph, fails: "its contents are f32[2]", at: "g")
  }

  @Test("finds operands that an operation does not take")
  func findOperands() throws {
    var graph = try graph()
    let z = try #require(graph.node(named: "z"))
    graph.setOperand(1, of: z, to: nil)
    expect(graph, fails: "Add needs operand 'b'", at: "node 'z' (Add)")
  }

  @Test("finds assignments to constants, second ones, and ones before a reader")
  func findAssignments() throws {
    let constant = try Graph(
      text: Self.text.replacing("Assign(%v", with: "Assign(%c"), registry: .testing)
    expect(constant, fails: "assigns to %c, which is no variable", at: "node 'update' (qat.Assign)")
    let update = "qat.Assign(%v, %w) name(\"update\")"
    let twice = try Graph(
      text: Self.text.replacing(
        update, with: update + "\n" + update.replacing("update", with: "again")),
      registry: .testing)
    expect(twice, fails: "assigns %v a second time", at: "node 'again' (qat.Assign)")
    let early = try Graph(
      text: Self.text.replacing(update, with: update + "\n%late = Identity(%v)"), registry: .testing
    )
    expect(early, fails: "assigns %v before 'late' reads it", at: "node 'update' (qat.Assign)")
  }
}
