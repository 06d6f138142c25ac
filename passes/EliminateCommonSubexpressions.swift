import QATCore
import QATIR
import QATRewrite

/// Lets equal computations be done once.
///
///     %1 = Relu(%x)
///     %2 = Relu(%x)
///     %3 = Add(%1, %2)
///     ->
///     %1 = Relu(%x)
///     %3 = Add(%1, %1)
///
/// Equal constants of up to 4 KiB become one (the zero points of all channels of many weights), and equal
/// integers of any size: layers that shared a weight share its codes. Two nodes are equal when their
/// operations, attributes and operands are. Opaque operations, assignments, and operations that draw
/// random numbers (`Dropout` in training) are left alone.
public struct EliminateCommonSubexpressions: Pass {
  public static let name: PassName = "eliminate-common-subexpressions"
  public static let summary = "compute equal nodes once"
  public static let effect: Effect = .exact
  public static let entersBodies = true

  public init() {}

  /// Bytes of a constant up to which it is looked for among the others.
  private static let largestConstant = 1 << 12

  private struct Key: Hashable {
    let op: OpName
    let operands: [ValueID?]
    let results: [Bool]
  }

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    try mergeConstants(in: &graph)
    var seen: [Key: [NodeID]] = [:]
    for id in graph.nodes {
      let node = graph[id]
      if node.op is Opaque || node.op is Assign || node.op is Dropout { continue }
      let key = Key(
        op: node.op.name, operands: node.operands, results: node.results.map { $0 != nil })
      if let first = seen[key]?.first(where: { isSameOperation(graph[$0].op, node.op) }),
        node.results.compactMap({ $0 }).allSatisfy({ !graph.isOutput($0) })
      {
        for case (.some(let old), .some(let new)) in zip(node.results, graph[first].results) {
          try graph.replaceAllUses(of: old, with: new)
        }
        graph.remove(id)
      } else {
        seen[key, default: []].append(id)
      }
    }
  }

  private func mergeConstants(in graph: inout Graph) throws(Diagnostic) {
    var seen: [AttributeValue: ValueID] = [:]
    for id in graph.constants {
      guard let tensor = graph[id].constant, !graph.isOutput(id),
        tensor.storage.byteCount <= Self.largestConstant || tensor.element.isInteger
      else { continue }
      if let first = seen[.tensor(tensor)] {
        try graph.replaceAllUses(of: id, with: first)
        graph.remove(id)
      } else {
        seen[.tensor(tensor)] = id
      }
    }
  }
}
