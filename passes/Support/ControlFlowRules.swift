import QATCore
import QATIR
import QATRewrite

/// An `If` whose condition is a constant is the branch that it takes.
struct InlineIf: RewriteRule {
  private let branch = Capture<If>("if")

  var pattern: Pattern {
    branch.pattern.where { value, graph in
      graph.operation(If.self, of: value).map { condition(of: graph[$0.node], graph) != nil }
        ?? false
    }
  }

  func rewrite(_ match: Match, in graph: inout GraphEditor) {
    let node = graph.graph[match[branch]], op = graph.op(branch, match)
    guard let holds = condition(of: node, graph.graph) else { return }
    let (outputs, nodes) = graph.builder.graph.inline(
      holds ? op.thenBranch : op.elseBranch, node.operands.dropFirst().compactMap { $0 },
      before: match[branch])
    let pairs = zip(node.results, outputs).compactMap { old, new in old.map { ($0, new) } }
    graph.remove(match[branch], replacing: pairs)
    for id in nodes { graph.noteChange(id) }
  }

  private func condition(of node: Node, _ graph: Graph) -> Bool? {
    guard let operand = node.operands[0] else { return nil }
    return graph[operand].constant?.elements(as: Bool.self)?.first
  }
}

/// Constants that a body captures become its own, so that the rules for constants see them, and what
/// no body reads is captured no longer. A large constant that several bodies read stays outside.
struct SettleCaptures<Op: ControlFlow>: RewriteRule {
  /// Up to so many elements a constant is put into several bodies.
  private static var smallCount: Int { 256 }

  private let root = Capture<Op>("root")

  var pattern: Pattern {
    root.pattern.where { value, graph in
      guard let (node, op) = graph.operation(Op.self, of: value) else { return false }
      return !settled(op, graph[node], graph).isEmpty
    }
  }

  func rewrite(_ match: Match, in graph: inout GraphEditor) {
    let node = graph.graph[match[root]]
    var op = graph.op(root, match)
    var operands = node.operands
    let first = operands.count - op.captures
    for index in settled(op, node, graph.graph).reversed() {
      let constant = operands[first + index].flatMap { graph.graph[$0].constant }
      op.bodies = op.bodies.map { body in
        var body = body
        let input = body.inputs[body.inputs.count - op.captures + index]
        if isRead(input, in: body), let constant {
          body.makeConstant(input, constant)
        } else {
          body.remove(input)
        }
        return body
      }
      operands.remove(at: first + index)
      op.captures -= 1
    }
    graph.builder.graph.setOperation(of: match[root], to: op)
    graph.builder.graph.setOperands(of: match[root], to: operands)
    graph.noteChange(match[root])
  }

  /// Which captures go.
  private func settled(_ op: Op, _ node: Node, _ graph: Graph) -> [Int] {
    (0..<op.captures).filter { index in
      let readers = op.bodies.filter { body in
        isRead(body.inputs[body.inputs.count - op.captures + index], in: body)
      }
      if readers.isEmpty { return true }
      let operand = node.operands[node.operands.count - op.captures + index]
      guard let constant = operand.flatMap({ graph[$0].constant }) else { return false }
      return readers.count == 1 || constant.elementCount <= Self.smallCount
    }
  }

  private func isRead(_ value: ValueID, in body: Graph) -> Bool {
    !body.users(of: value).isEmpty || body.isOutput(value)
  }
}
