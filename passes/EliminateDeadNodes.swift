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
      if results.allSatisfy({ graph.isUnused($0) }) && !(graph[node].op is Assign) {
        graph.remove(node)
      }
    }
    for value in graph.constants + graph.variables where graph.isUnused(value) {
      graph.remove(value)
    }
  }
}
