import QATCore
import QATIR
import QATRewrite

/// What a node is to be replaced by: a value that is there, or operations.
enum Replacement {
  case value(ValueID)
  case term(Term)

  static func value(_ value: ValueID?) -> Replacement? { value.map { .value($0) } }
}

/// A rule that looks at one node, and at what computes its operands.
struct Simplify<Op: Operation>: RewriteRule {
  private let root = Capture<Op>("root")
  private let replacement: @Sendable (ValueID, Graph) -> Replacement?

  init(_ simplified: @escaping @Sendable (Node, Op, Graph) -> Replacement?) {
    // Here, where the compiler knows which operation it is: the search asks it of every node.
    replacement = { value, graph in
      guard let (node, op) = graph.operation(Op.self, of: value),
        let found = simplified(graph[node], op, graph)
      else { return nil }
      // An output keeps its name; only a computed value that is no output itself can take it over.
      if case .value(let new) = found, graph.isOutput(value),
        graph.producer(of: new) == nil || graph.isOutput(new)
      {
        return nil
      }
      return found
    }
  }

  var pattern: Pattern {
    let replacement = replacement
    return root.pattern.where { value, graph in replacement(value, graph) != nil }
  }

  func rewrite(_ match: Match, in graph: inout GraphEditor) {
    let node = match[root]
    switch replacement(graph.graph[node].result, graph.graph) {
    case .value(let value): graph.replace(node, with: Term(value))
    case .term(let term): graph.replace(node, with: term)
    case nil: break
    }
  }
}
