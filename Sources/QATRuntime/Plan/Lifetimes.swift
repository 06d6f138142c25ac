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

  /// The block of an operand that the first result of a node can have, too: because it has the same
  /// bytes, or is written over what nobody reads any more.
  /// - Parameter block: of an operand, and whether it may be written over as a whole.
  func block(
    takenOverBy id: NodeID, in graph: Graph, _ block: (ValueID) -> (Int, isFree: Bool)?
  ) -> Int? {
    let node = graph[id]
    if node.sharesBytes(in: graph) { return node.operands[0].flatMap { block($0)?.0 } }
    guard let op = node.op as? any OverwritesOperand else { return nil }
    for index in op.overwritableOperands {
      guard index < node.operands.count, let operand = node.operands[index],
        let (block, isFree) = block(operand), isFree, isLast(id, toRead: block)
      else { continue }
      return block
    }
    return nil
  }

  private func isLast(_ node: NodeID, toRead block: Int) -> Bool {
    guard let position = order[node] else { return false }
    return (values[block] ?? []).allSatisfy { value in
      lastReaders[value].flatMap { order[$0] }.map { $0 <= position } ?? true
    }
  }
}

extension Node {
  /// Whether more of an operand is read than its shape.
  func reads(_ operand: Int) -> Bool {
    !((op as? any ReadsShapes)?.readsShapeAlone(of: operand) ?? false)
  }

  /// Whether the first result has the bytes of the first operand.
  func sharesBytes(in graph: Graph) -> Bool {
    guard let op = op as? any SharesBytes, let operand = operands[0],
      let from = graph[operand].type.shape?.sizes, let to = graph[result].type.shape?.sizes
    else { return false }
    return op.sharesBytes(from: from, to: to)
  }
}
