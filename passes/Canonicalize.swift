import QATCore
import QATIR
import QATRewrite

/// Brings a graph to the form that other passes expect.
public struct Canonicalize: Pass {
  public static let name: PassName = "canonicalize"
  public static let summary = "remove what does nothing, write things in one way"
  public static let effect: Effect = .within(relativeTolerance: 1e-6)

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    for id in graph.nodes where graph.contains(id) {
      let node = graph[id]
      if let op = node.op as? Observe, !op.training {
        for (index, result) in node.results.enumerated() {
          if let result, let state = node.operands[index + 1] { try graph.replaceAllUses(of: result, with: state) }
        }
        graph.remove(id)
      } else if node.op is Identity, let x = node.operands[0], !graph.isOutput(node.result) {
        try graph.replaceAllUses(of: node.result, with: x)
        graph.remove(id)
      }
    }
  }
}
