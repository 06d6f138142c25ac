import QATIR

/// A graph cut behind the operations whose results have shapes that only data decides: what can be
/// compiled now, those operations, and what can be compiled when they have run.
///
/// Values keep their IDs in both parts.
struct GraphSplit {
  /// What depends on none of them. Its outputs are what the others read of it, and what is wanted.
  private(set) var head: Graph
  /// The operations whose results have unknown sizes, though their operands have known ones.
  private(set) var open: [NodeID] = []
  /// What depends on them. Its inputs are the graph's, then the outputs of the head and the results of
  /// the open operations.
  private(set) var tail: Graph

  /// - Parameter wanted: values to be readable after a run.
  /// - Returns: `nil` where all sizes are known.
  init?(_ graph: Graph, wanted: Set<ValueID>) {
    var late: Set<ValueID> = [], behind: [NodeID] = [], ahead: [NodeID] = []
    for id in graph.nodes {
      let results = graph[id].results.compactMap { $0 }
      if graph[id].operands.contains(where: { $0.map(late.contains) ?? false }) {
        behind.append(id)
      } else if results.contains(where: { graph[$0].type.shape?.sizes == nil }) {
        open.append(id)
      } else {
        ahead.append(id)
        continue
      }
      late.formUnion(results)
    }
    guard !open.isEmpty else { return nil }
    // Variables change when nobody reads them any more.
    behind += ahead.filter { graph[$0].op is Assign }
    ahead.removeAll { graph[$0].op is Assign }
    head = graph
    tail = graph
    let read = Set((open + behind).flatMap { graph[$0].operands.compactMap { $0 } }).union(wanted)
    head.setOutputs(
      ahead.flatMap { graph[$0].results.compactMap { $0 } }.filter { read.contains($0) })
    let removed = Set(open + behind)
    for id in graph.nodes.reversed() where removed.contains(id) { head.remove(id) }
    tail.setOutputs(late.filter { wanted.contains($0) }.sorted())
    for value in head.outputs { tail.makeInput(value) }
    for id in open { for case .some(let value) in graph[id].results { tail.makeInput(value) } }
    let kept = Set(behind)
    for id in graph.nodes.reversed() where !kept.contains(id) { tail.remove(id) }
  }
}
