import QATCore

extension Graph {
  /// Checks what holds between any two passes.
  ///
  /// Every operand is defined, by a node that comes before; users, names and definitions agree with
  /// each other; the types of results are compatible with what inference says; outputs exist; each
  /// variable is assigned at most once, and after everything that reads it. O(n).
  ///
  /// - Parameter evaluation: whether the graph is one for evaluating, which must not change any state.
  /// - Throws: `invalid-graph` (or what inference throws) for the first rule that is broken, naming
  ///   the node and the value.
  public func verify(evaluation: Bool = false) throws(Diagnostic) {
    try Verifier(self).verify(evaluation: evaluation)
  }
}

/// One verification.
private struct Verifier {
  private static let assign: OpName = "qat.Assign"

  private let graph: Graph
  private let nodes: [NodeID]
  /// Where in the order a node comes; by its index in the graph's table.
  private let positions: [Int?]
  private let inputs: Set<ValueID>

  init(_ graph: Graph) throws(Diagnostic) {
    self.graph = graph
    nodes = try Self.orderedNodes(of: graph)
    var positions: [Int?] = Array(repeating: nil, count: graph.nodeTable.indices.count)
    for (position, node) in nodes.enumerated() { positions[node.index] = position }
    self.positions = positions
    inputs = Set(graph.inputs)
  }

  func verify(evaluation: Bool) throws(Diagnostic) {
    try verifySignature()
    for id in graph.allValues { try verifyValue(id) }
    try verifyCounts()
    for id in nodes { try verifyOperands(of: id) }
    try verifyUsers()
    for id in nodes {
      try verifyResults(of: id)
      try verifyTypes(of: id)
    }
    try verifyAssignments(evaluation: evaluation)
  }

  // MARK: - Structure

  /// The nodes as they are linked. Does not follow a chain for ever.
  private static func orderedNodes(of graph: Graph) throws(Diagnostic) -> [NodeID] {
    let existing = graph.nodeTable.liveCount
    var result: [NodeID] = []
    var previous: NodeID?
    var next = graph.firstNode
    while let id = next {
      guard graph.contains(id), result.count < existing, graph[id].previous == previous else {
        throw Diagnostic(.invalidGraph, "the order of the nodes is broken", at: graph.name)
      }
      result.append(id)
      previous = id
      next = graph[id].next
    }
    guard result.count == existing, graph.lastNode == previous else {
      throw Diagnostic(
        .invalidGraph, "\(existing) nodes exist, \(result.count) are in order", at: graph.name)
    }
    return result
  }

  private func verifySignature() throws(Diagnostic) {
    for input in graph.inputs {
      guard graph.contains(input), graph[input].isInput else {
        throw Diagnostic(
          .invalidGraph, "input \(name(of: input)) is no input value", at: graph.name)
      }
    }
    guard inputs.count == graph.inputs.count else {
      throw Diagnostic(.invalidGraph, "an input is listed twice", at: graph.name)
    }
    for (position, output) in graph.outputs.enumerated() {
      guard graph.contains(output) else {
        throw Diagnostic(.invalidGraph, "an output does not exist", at: graph.name)
      }
      guard graph[output].outputPositions.contains(position) else {
        throw invalid(output, "does not know that it is an output")
      }
    }
  }

  private func verifyValue(_ id: ValueID) throws(Diagnostic) {
    let value = graph[id]
    guard graph.value(named: value.name) == id else {
      throw invalid(id, "another value has this name")
    }
    switch value.definition {
    case .input:
      guard inputs.contains(id) else { throw invalid(id, "is no input of the graph") }
    case .constant(let tensor), .variable(let tensor):
      guard tensor.type == value.type else {
        throw invalid(id, "has the type \(value.type), its contents are \(tensor.type)")
      }
    case .result(let node, let index):
      guard graph.contains(node), graph[node].results.indices.contains(index),
        graph[node].results[index] == id
      else { throw invalid(id, "no node computes it") }
    }
  }

  private func verifyCounts() throws(Diagnostic) {
    guard graph.valueNames.count == graph.allValues.count else {
      throw Diagnostic(.invalidGraph, "a name stands for a value that is gone", at: graph.name)
    }
    for id in nodes where graph.node(named: graph[id].name) != id {
      throw invalid(id, "another node has this name")
    }
    guard graph.nodeNames.count == nodes.count else {
      throw Diagnostic(.invalidGraph, "a name stands for a node that is gone", at: graph.name)
    }
  }

  private func verifyOperands(of id: NodeID) throws(Diagnostic) {
    for (index, operand) in graph[id].operands.enumerated() {
      guard let operand else { continue }
      guard graph.contains(operand) else { throw invalid(id, "operand \(index) does not exist") }
      guard let producer = graph[operand].producer else { continue }
      guard let defined = positions[producer.index], let used = positions[id.index], defined < used
      else {
        throw invalid(
          id,
          "operand \(index), \(name(of: operand)), is computed later, by '\(graph[producer].name)'",
          hint: "nodes stand in topological order")
      }
    }
  }

  /// The users of a value are one entry for each operand that reads it.
  private func verifyUsers() throws(Diagnostic) {
    var reads: [[NodeID]] = Array(repeating: [], count: graph.values.indices.count)
    for id in nodes {
      for case .some(let operand) in graph[id].operands { reads[operand.index].append(id) }
    }
    for id in graph.allValues where graph[id].users != reads[id.index] {
      // Edits may have brought them into another order.
      let counts = count(reads[id.index]), listed = count(graph[id].users)
      guard listed != counts else { continue }
      let culprit = Set(listed.keys).union(counts.keys).first { listed[$0] != counts[$0] }
      let user = culprit.flatMap { graph.contains($0) ? "'\(graph[$0].name)'" : nil } ?? "a node"
      throw invalid(id, "its list of users is wrong about \(user)")
    }
  }

  private func count(_ nodes: [NodeID]) -> [NodeID: Int] {
    nodes.reduce(into: [:]) { $0[$1, default: 0] += 1 }
  }

  private func verifyResults(of id: NodeID) throws(Diagnostic) {
    for (index, result) in graph[id].results.enumerated() {
      guard let result else { continue }
      guard graph.contains(result), case .result(id, index) = graph[result].definition else {
        throw invalid(id, "result \(index), \(name(of: result)), is not defined by it")
      }
    }
  }

  // MARK: - Types

  private func verifyTypes(of id: NodeID) throws(Diagnostic) {
    let node = graph[id]
    let inferred: [TensorType]
    do throws(Diagnostic) {
      inferred = try graph.inferredTypes(
        of: node.op, node.operands, resultCount: node.results.count)
      try verifyBodies(of: node)
    } catch { throw error.at(place(of: id)) }
    // Nothing is inferred of an opaque operation's results.
    if node.op is Opaque { return }
    for (result, type) in zip(node.results, inferred) {
      guard let result, !graph[result].type.isCompatible(with: type) else { continue }
      throw Diagnostic(
        .typeMismatch,
        "\(name(of: result)) has the type \(graph[result].type), inference says \(type)",
        at: place(of: id), hint: "infer the types again after changing an operation")
    }
  }

  /// Bodies are graphs that hold no state.
  private func verifyBodies(of node: Node) throws(Diagnostic) {
    guard let op = node.op.controlFlow else { return }
    for body in op.bodies {
      do throws(Diagnostic) { try body.verify(evaluation: true) } catch {
        throw error.at("body '\(body.name)'")
      }
      if let variable = body.variables.first {
        throw Diagnostic(
          .invalidGraph, "%\(Printer.name(body[variable].name)) is a variable",
          at: "body '\(body.name)'", hint: "let it be a captured value")
      }
    }
  }

  // MARK: - Variables

  private func verifyAssignments(evaluation: Bool) throws(Diagnostic) {
    var assigned: Set<ValueID> = []
    for id in nodes where graph[id].op.name == Self.assign {
      guard let first = graph[id].operands.first, let target = first,
        graph[target].variable != nil
      else {
        let name = graph[id].operands.first.flatMap { $0 }.map(name) ?? "nothing"
        throw invalid(id, "assigns to \(name), which is no variable")
      }
      guard !evaluation else {
        throw invalid(
          id, "changes the variable \(name(of: target)) in a graph for evaluation",
          hint: "remove the training nodes first, or verify it as a training graph")
      }
      guard assigned.insert(target).inserted else {
        throw invalid(id, "assigns \(name(of: target)) a second time")
      }
      let position = positions[id.index] ?? 0
      for reader in graph[target].users
      where (positions[reader.index] ?? 0) > position && reads(reader, target) {
        throw invalid(
          id, "assigns \(name(of: target)) before '\(graph[reader].name)' reads it",
          hint: "assignments come last")
      }
    }
  }

  /// Whether a node reads a variable, other than by assigning to it.
  private func reads(_ node: NodeID, _ variable: ValueID) -> Bool {
    let isAssign = graph[node].op.name == Self.assign
    return graph[node].operands.dropFirst(isAssign ? 1 : 0).contains(variable)
  }

  // MARK: - Diagnostics

  private func name(of value: ValueID) -> String {
    graph.contains(value) ? "%\(Printer.name(graph[value].name))" : "a value that is gone"
  }

  private func place(of node: NodeID) -> String {
    "node '\(graph[node].name)' (\(graph[node].op.name))"
  }

  private func invalid(_ node: NodeID, _ message: String, hint: String? = nil) -> Diagnostic {
    Diagnostic(.invalidGraph, message, at: place(of: node), hint: hint)
  }

  /// Of a value: the place is the node that computes it, where there is one.
  private func invalid(_ value: ValueID, _ message: String) -> Diagnostic {
    var place = graph.name
    if let node = graph[value].producer, graph.contains(node) { place = self.place(of: node) }
    return Diagnostic(.invalidGraph, "value \(name(of: value)): \(message)", at: place)
  }
}
