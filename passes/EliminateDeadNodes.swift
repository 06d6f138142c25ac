import QATCore
import QATIR
import QATRewrite

/// Removes nodes, constants and variables that no output and no assignment needs.
///
///     %1 = Relu(%x)
///     %2 = Sigmoid(%x)        // nobody reads %2
///     ->
///     %1 = Relu(%x)
///
/// Inputs stay, so that the model's signature does.
public struct EliminateDeadNodes: Pass {
  public static let name: PassName = "eliminate-dead-nodes"
  public static let summary = "remove what no output needs"
  public static let effect: Effect = .exact
  public static let entersBodies = true

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    for node in graph.nodes.reversed() {
      let results = graph[node].results.compactMap { $0 }
      let isDead = results.allSatisfy { graph.users(of: $0).isEmpty && !graph.isOutput($0) }
      if isDead && !(graph[node].op is Assign) { graph.remove(node) }
    }
    for value in graph.constants + graph.variables
    where graph.users(of: value).isEmpty && !graph.isOutput(value) { graph.remove(value) }
  }
}
