import QATCore
import QATIR
import QATRewrite
import QATRuntime

/// Notes where every result lies when a session runs the graph.
///
///     %1 = Conv(%x, %w)
///     %2 = Relu(%1)
///     ->
///     metadata {qat.arena = "4096 bytes"}
///     %1 = Conv(%x, %w) note(qat.memory = "0..<4096")
///     %2 = Relu(%1) note(qat.memory = "0..<4096, over 1")
///
/// These are bytes of the arena, which holds the results of all nodes, and whose peak is its size. A
/// session makes the same plan for every set of input shapes that it meets, for the graph as the
/// pipelines `session-integer` and `session-float` leave it; for a batch that it runs in parts, that of
/// the samples of a part.
public struct PlanMemory: Pass {
  public static let name: PassName = "plan-memory"
  public static let summary = "note where results lie in the memory of a session, and its peak"
  public static let effect: Effect = .exact
  public static let options: [PassOption<Self>] = [
    PassOption("batch", \.batch, "what sizes of inputs that are not known stand for")
  ]

  /// The size of what has none: symbols of the inputs' shapes.
  public var batch = 1

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    let types = graph.inputs.map { id in
      let type = graph[id].type
      return TensorType(
        type.element, Shape(type.shape?.dimensions.map { $0.size ?? batch } ?? []))
    }
    let plan = try MemoryPlan(graph, inputs: types)
    if plan.blocks.isEmpty { return }
    for id in graph.nodes {
      let results = graph[id].results.compactMap { $0 }
      let notes = results.map { value in
        let place = plan.text(of: value, in: graph)
        return results.count == 1 ? place : "\(graph[value].name): \(place)"
      }
      if !notes.isEmpty {
        graph.setMetadata("qat.memory", of: id, to: notes.joined(separator: "; "))
      }
    }
    graph.metadata["qat.arena"] = "\(plan.byteCount) bytes"
    context.remark(.note, "the arena takes \(plan.byteCount) bytes")
  }
}

extension MemoryPlan {
  fileprivate func text(of value: ValueID, in graph: Graph) -> String {
    switch self[value] {
    case .constant: return "known before a run"
    case .input(let index): return "in the input \(graph[graph.inputs[index]].name)"
    case .variable(let variable): return "in the variable \(graph[variable].name)"
    case .block(let index):
      let block = blocks[index], bytes = "\(block.offset)..<\(block.offset + block.byteCount)"
      return source(of: value).map { "\(bytes), over \(graph[$0].name)" } ?? bytes
    case nil: return "where there is room when its size is known"
    }
  }
}
