import QATCore
import QATIR
import QATRewrite

/// Makes variables constants: the graph is trained.
///
///     variable %w: f32[8,3,3,3]
///     ->
///     constant %w: f32[8,3,3,3]
///
/// - Throws: `invalid-graph` where the graph still assigns to a variable.
public struct Freeze: Pass {
  public static let name: PassName = "freeze"
  public static let summary = "make variables constants"
  public static let effect: Effect = .exact

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    if let assign = graph.nodes.first(where: { graph[$0].op is Assign }) {
      throw Diagnostic(
        .invalidGraph, "the graph assigns to a variable in '\(graph[assign].name)'",
        hint: "freeze the evaluation graph, not the training step")
    }
    for value in graph.variables {
      if let tensor = graph[value].variable { graph.define(value, as: .constant(tensor)) }
    }
  }
}
