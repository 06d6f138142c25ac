import QATCore
import QATIR

/// Which opset a file gets: the lowest from 13 on that holds the graph.
///
/// Operations that can be written as older ones (`Expandable`) raise it up to 20 at most, which all
/// current runtimes read, or up to the one that is asked for; beyond that they are written as those
/// older ones, unless something else needs the higher opset anyway.
struct ExportOpset {
  /// What the file says.
  let version: Int
  /// The graph with what the opset lacks in older operations.
  let graph: Graph

  /// How far an operation that has an older form raises the opset where none is asked for.
  static let usual = 20
  /// The versions that can be asked for.
  static let all = 13...28

  /// - Parameter wanted: the highest opset that the reader knows.
  /// - Throws: `unsupported` where the graph has what no such opset holds.
  init(of original: Graph, atMost wanted: Int?) throws(Diagnostic) {
    if let wanted, !Self.all.contains(wanted) {
      throw Diagnostic(
        .invalidOption, "no file is written in opset \(wanted)",
        hint: "give one from \(Self.all.lowerBound) to \(Self.all.upperBound)")
    }
    var limit = wanted ?? Self.usual
    while true {
      var graph = original
      var (needed, place) = Self.needed(graph, limit: limit)
      if needed > limit {
        graph = try graph.expanded(beyond: limit)
        (needed, place) = Self.needed(graph, limit: limit)
      }
      if needed <= limit {
        (version, self.graph) = (needed, graph)
        return
      }
      if let wanted {
        throw Diagnostic(
          .unsupported, "opset \(needed) is needed, at most \(wanted) is asked for", at: place,
          hint: "ask for opset \(needed)")
      }
      limit = needed
    }
  }

  /// The opset that a graph needs, and the node that does.
  private static func needed(_ graph: Graph, limit: Int) -> (opset: Int, place: String) {
    var highest = (opset: all.lowerBound, place: "")
    func note(_ opset: Int, _ place: @autoclosure () -> String) {
      if opset > highest.opset { highest = (opset, place()) }
    }
    for id in graph.nodes {
      let node = graph[id]
      for body in node.op.controlFlow?.bodies ?? [] {
        let inside = needed(body, limit: limit)
        note(inside.opset, inside.place)
      }
      note(needed(node, graph, limit: limit), "node '\(node.name)' (\(node.op.name))")
    }
    return highest
  }

  /// The opset that a node needs. Operands may be written as the attributes they once were, where the
  /// file has no more than `limit`.
  fileprivate static func needed(_ node: Node, _ graph: Graph, limit: Int) -> Int {
    guard node.op.name.domain.isEmpty else { return all.lowerBound }
    let history = OpsetHistory.all[node.op.name.type]
    let own = history?.needed(node, graph) ?? all.lowerBound
    let schema = SchemaHistory.needed(node, graph)
    guard max(own, schema) > limit, let moved = history?.attributes(of: node, graph, opset: limit)
    else { return max(own, schema) }
    return max(own, SchemaHistory.needed(node, graph, without: Set(moved.map(\.input))))
  }
}

extension Graph {
  /// The graph with operations that need more than the limit as older ones, in bodies as well.
  fileprivate func expanded(beyond limit: Int) throws(Diagnostic) -> Graph {
    var result = self
    for id in nodes {
      if var flow = self[id].op.controlFlow {
        for index in flow.bodies.indices {
          flow.bodies[index] = try flow.bodies[index].expanded(beyond: limit)
        }
        result.setOperation(of: id, to: flow)
      }
      if self[id].op is any Expandable, ExportOpset.needed(self[id], self, limit: limit) > limit {
        try result.expand(id)
      }
    }
    return result
  }

  /// Writes an operation as older ones, where only its first result is wanted and it can be done.
  private mutating func expand(_ id: NodeID) throws(Diagnostic) {
    let node = self[id]
    guard let op = node.op as? any Expandable, node.results.count == 1 else { return }
    var builder = GraphBuilder(self, before: id)
    builder.namePrefix = node.name + "."
    builder.origins = node.origins.isEmpty ? [node.name] : node.origins
    guard let result = try? op.expansion(of: node.operands, in: &builder) else { return }
    if let failure = builder.failure { throw failure }
    self = builder.graph
    let old = node.result, name = self[old].name
    try replaceAllUses(of: old, with: result)
    remove(id)
    if self[result].name != name { rename(result, to: name) }
  }
}
