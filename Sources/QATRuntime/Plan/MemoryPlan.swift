public import QATCore
public import QATIR

/// Where the values of a graph lie when a session runs it: what nodes compute in one arena, over an
/// operand where nobody reads that any more.
///
/// A function of the graph alone. Plans take their memory from it; the pass `plan-memory` prints it.
public struct MemoryPlan: Sendable {
  /// Where one value lies.
  public enum Place: Sendable, Equatable {
    /// In the graph.
    case constant
    /// In memory of the input, by its index.
    case input(Int)
    /// In memory of the variable.
    case variable(ValueID)
    /// In the arena.
    case block(Int)
  }

  /// A part of the arena: the memory of one value, or of several one after the other.
  public struct Block: Sendable {
    /// Bytes of each of its values.
    public let byteCount: Int
    /// Where it starts in the arena.
    public fileprivate(set) var offset = 0
    /// The nodes, by position, between which it is taken; `Int.max` for what is read after a run.
    public fileprivate(set) var first: Int, last: Int
  }

  /// In the order in which they are taken.
  public private(set) var blocks: [Block] = []
  /// Bytes of the arena.
  public private(set) var byteCount = 0
  private var places: [ValueID: Place] = [:]
  private var takenOver: [ValueID: ValueID] = [:]

  /// The place of a value; `nil` for one that the graph does not compute.
  public subscript(value: ValueID) -> Place? { places[value] }

  /// The value whose memory a result took over.
  public func source(of value: ValueID) -> ValueID? { takenOver[value] }

  /// The plan that a session makes for inputs of these types. Of a graph with shapes that data decides
  /// it has what runs before they are known.
  /// - Parameter types: all sizes known, in the order of the inputs.
  /// - Throws: what shape inference finds wrong with the types.
  public init(_ graph: Graph, inputs types: [TensorType]) throws(Diagnostic) {
    let concrete = try graph.specialized(to: types)
    self.init(GraphSplit(concrete, wanted: Set(graph.outputs))?.head ?? concrete, keep: [])
  }

  /// - Parameters:
  ///   - graph: all sizes known.
  ///   - keep: values to be readable after a run, beside the outputs.
  init(_ graph: Graph, keep: Set<ValueID>) {
    for id in graph.constants { places[id] = .constant }
    for (index, id) in graph.inputs.enumerated() { places[id] = .input(index) }
    for id in graph.variables { places[id] = .variable(id) }
    let keep = keep.union(graph.outputs)
    var lifetimes = Lifetimes(graph)
    for (step, id) in graph.nodes.enumerated() {
      let node = graph[id]
      for (index, operand) in node.operands.enumerated() {
        if let operand, node.reads(index), case .block(let block) = places[operand] {
          blocks[block].last = max(blocks[block].last, step)
        }
      }
      for index in node.results.indices {
        place(index, of: id, at: step, in: graph, keep: keep, &lifetimes)
      }
    }
    let layout = ArenaLayout(blocks.map { ($0.byteCount, $0.first, $0.last) })
    for (index, offset) in layout.offsets.enumerated() { blocks[index].offset = offset }
    byteCount = layout.byteCount
  }

  /// Finds the place of one result.
  private mutating func place(
    _ index: Int, of id: NodeID, at step: Int, in graph: Graph, keep: Set<ValueID>,
    _ lifetimes: inout Lifetimes
  ) {
    guard let result = graph[id].results[index] else { return }
    guard let byteCount = graph[result].type.byteCount else {
      preconditionFailure("the plan ends where the shape \(graph[result].type) depends on data")
    }
    if !keep.contains(result), let target = lifetimes.variable(updatedBy: id, index, in: graph) {
      (places[result], takenOver[result]) = (places[target], target)
      return
    }
    let last = keep.contains(result) ? Int.max : step
    let source =
      index > 0
      ? nil
      : lifetimes.operand(takenOverBy: id, in: graph) { operand in
        guard case .block(let block) = places[operand] else { return nil }
        return (block, blocks[block].last != .max && blocks[block].byteCount == byteCount)
      }
    if let source, case .block(let block) = places[source] {
      (places[result], takenOver[result]) = (.block(block), source)
      blocks[block].last = max(blocks[block].last, last)
      lifetimes.add(result, to: block)
    } else {
      places[result] = .block(blocks.count)
      lifetimes.add(result, to: blocks.count)
      blocks.append(Block(byteCount: byteCount, first: step, last: last))
    }
  }
}
