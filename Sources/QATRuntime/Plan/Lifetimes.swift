import QATIR

/// Who reads which value last, and so which result can take over the memory of an operand.
struct Lifetimes {
  /// The last reader of each value that nodes read.
  private var lastReaders: [ValueID: NodeID] = [:]
  private let order: [NodeID: Int]
  /// The values that lie in a block, one after the other.
  private var values: [Int: [ValueID]] = [:]

  init(_ graph: Graph) {
    order = Dictionary(uniqueKeysWithValues: graph.nodes.enumerated().map { ($1, $0) })
    for id in graph.nodes {
      for (index, operand) in graph[id].operands.enumerated() {
        if let operand, graph[id].reads(index) { lastReaders[operand] = id }
      }
    }
  }

  /// Notes that a value lies in a block.
  mutating func add(_ value: ValueID, to block: Int) { values[block, default: []].append(value) }

  /// The operand whose memory the first result of a node can have, too: because it has the same bytes,
  /// or is written over what nobody reads any more.
  /// - Parameter block: of an operand, and whether it may be written over as a whole.
  func operand(
    takenOverBy id: NodeID, in graph: Graph, _ block: (ValueID) -> (Int, isFree: Bool)?
  ) -> ValueID? {
    let node = graph[id]
    if node.sharesBytes(in: graph) {
      return node.operands[0].flatMap { block($0) == nil ? nil : $0 }
    }
    return node.overwritable(by: 0).first { operand in
      guard let (block, isFree) = block(operand), isFree else { return false }
      return (values[block] ?? []).allSatisfy { isLast(id, toRead: $0) }
    }
  }

  /// The variable that a result of a node is assigned to, where it can be written there at once:
  /// nobody reads the former contents later.
  func variable(updatedBy id: NodeID, _ index: Int, in graph: Graph) -> ValueID? {
    guard let result = graph[id].results[index] else { return nil }
    return graph[id].overwritable(by: index).first { variable in
      graph[variable].variable != nil && isLast(id, toRead: variable)
        && graph.users(of: result).contains {
          graph[$0].op is Assign && graph[$0].operands == [variable, result]
        }
    }
  }

  private func isLast(_ node: NodeID, toRead value: ValueID) -> Bool {
    guard let position = order[node] else { return false }
    return lastReaders[value].flatMap { order[$0] }.map { $0 <= position } ?? true
  }
}

extension Node {
  /// Whether more of an operand is read than its shape.
  func reads(_ operand: Int) -> Bool {
    if op is Assign { return operand > 0 }
    return !((op as? any ReadsShapes)?.readsShapeAlone(of: operand) ?? false)
  }

  /// The operands that a result may be written over.
  func overwritable(by result: Int) -> [ValueID] {
    let elements = (op as? any WorksOnElements).map { type(of: $0).elementOperands }
    let indices =
      (op as? any OverwritesOperand)?.overwritableOperands(by: result)
      ?? (result == 0 ? elements : nil) ?? []
    return indices.compactMap { $0 < operands.count ? operands[$0] : nil }
  }

  /// Whether the first result has the bytes of the first operand.
  func sharesBytes(in graph: Graph) -> Bool {
    guard let op = op as? any SharesBytes, let operand = operands[0],
      let from = graph[operand].type.shape?.sizes, let to = graph[result].type.shape?.sizes
    else { return false }
    return op.sharesBytes(from: from, to: to)
  }
}
