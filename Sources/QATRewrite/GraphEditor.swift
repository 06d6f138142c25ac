import QATCore
import QATIR

/// Changes a graph on behalf of one rewrite: emits new nodes in front of the match, replaces nodes,
/// keeps names and origins, and tells the driver what to look at again.
public struct GraphEditor: Sendable {
  /// Emits into the graph that is edited.
  public var builder: GraphBuilder
  /// Nodes that were made or whose operands changed, for the driver.
  private(set) var touched: [NodeID] = []
  /// How many edits there were.
  public private(set) var changes = 0

  /// An editor of a copy of the graph.
  public init(_ graph: Graph) { builder = GraphBuilder(graph) }

  /// The graph as it is now.
  public var graph: Graph {
    _read { yield builder.graph }
  }

  /// The operation of a captured node.
  public func op<Op: Operation>(_ capture: Capture<Op>, _ match: Match) -> Op {
    guard let op = graph[match[capture]].op as? Op else {
      preconditionFailure("captured by its type")
    }
    return op
  }

  /// Replaces a node by an operation on terms; a result of it, the first unless told, goes on under its
  /// old name. A node of which others are read stays beside the new one.
  ///
  /// Nodes that nobody reads any more are removed. The new node's origins are those of every node
  /// that went; its name is that of the product with a weight among them, or of another operation that
  /// quantization knows, so that a layer keeps its name whatever it is folded or lowered to; else that
  /// of the node it replaces.
  /// - Parameter old: the result that the new node has instead; `nil` for the first.
  public mutating func replace(
    _ node: NodeID, result old: ValueID? = nil, with op: any Operation, _ operands: [Term?]
  ) {
    begin(at: node)
    let old = old ?? graph[node].result, name = graph[old].name
    let values = operands.map { $0?.emit(in: &builder) }
    let result = builder.emit(op, values)
    finish(node, old, result, keeping: name)
  }

  /// Replaces a node by a term.
  public mutating func replace(_ node: NodeID, with term: Term) {
    begin(at: node)
    let name = graph[graph[node].result].name
    let isNew = builder.emitted.count
    let result = term.emit(in: &builder)
    finish(node, graph[node].result, result, keeping: builder.emitted.count > isNew ? name : nil)
  }

  /// Lets an operand of a node be another value.
  public mutating func setOperand(_ index: Int, of node: NodeID, to term: Term?) {
    begin(at: node)
    let old = graph[node].operands[index]
    let value = term?.emit(in: &builder)
    builder.graph.setOperand(index, of: node, to: value)
    noteChange(node)
    if let old { removeIfUnused(old) }
  }

  /// Changes the operation of a node, keeping its operands and results.
  public mutating func setOperation(of node: NodeID, to op: any Operation) {
    builder.graph.setOperation(of: node, to: op)
    noteChange(node)
  }

  /// Prepares for emitting in front of a node, as part of what it came from.
  public mutating func begin(at node: NodeID) {
    builder.insertionPoint = node
    builder.namePrefix = graph[node].name + "."
    builder.origins = origins(of: node)
  }

  /// Notes that a node was changed in place.
  public mutating func noteChange(_ node: NodeID) {
    changes += 1
    touched.append(node)
  }

  /// What a node came from: itself where nothing else is said, but quantizers are nobody's source.
  private func origins(of node: NodeID) -> [String] {
    let known = graph[node].origins
    return known.isEmpty && !isQuantizer(node) ? [graph[node].name] : known
  }

  private func isQuantizer(_ node: NodeID) -> Bool {
    graph[node].op is any MarksGrid || graph[node].op is QuantizeLinear
  }

  private mutating func finish(
    _ node: NodeID, _ old: ValueID, _ result: ValueID, keeping name: String?
  ) {
    changes += 1
    let readers = graph.users(of: old)
    let metadata = graph[node].metadata
    var origins = origins(of: node)
    do throws(Diagnostic) { try builder.graph.replaceAllUses(of: old, with: result) } catch {
      preconditionFailure("an Identity always infers: \(error)")
    }
    touched += readers
    let oldName = graph[node].name
    let dying = removeIfUnused(old)
    for name in dying.flatMap(\.origins) where !origins.contains(name) { origins.append(name) }
    if let name, graph.contains(result), let producer = graph.producer(of: result) {
      if graph[result].name != name, graph.value(named: name) == nil {
        builder.graph.rename(result, to: name)
      }
      let layer = dying.first { $0.kind == .product } ?? dying.first { $0.kind == .layer }
      let newName = layer?.name ?? oldName
      if graph.node(named: newName) == nil { builder.graph.rename(producer, to: newName) }
      let isItself = origins == [graph[producer].name]
      builder.graph.setOrigins(of: producer, to: isItself ? [] : origins)
      for (key, value) in metadata where graph[producer].metadata[key] == nil {
        builder.graph.setMetadata(key, of: producer, to: value)
      }
      touched.append(producer)
    }
  }

  /// Removes the producer of a value that nobody reads, and then what only it read.
  /// - Returns: the nodes that went.
  @discardableResult
  private mutating func removeIfUnused(_ value: ValueID) -> [RemovedNode] {
    guard graph.contains(value), graph.isUnused(value) else { return [] }
    guard let node = graph.producer(of: value) else {
      if graph[value].constant != nil { builder.graph.remove(value) }
      return []
    }
    let results = graph[node].results.compactMap { $0 }
    guard results.allSatisfy({ graph.isUnused($0) }) else { return [] }
    var gone = [
      RemovedNode(
        name: graph[node].name, kind: kind(of: node),
        origins: isQuantizer(node) ? [] : origins(of: node))
    ]
    let operands = graph[node].operands.compactMap { $0 }
    builder.graph.remove(node)
    for operand in operands {
      let more = removeIfUnused(operand)
      if let producer = graph.contains(operand) ? graph.producer(of: operand) : nil {
        touched.append(producer)
      }
      gone += more
    }
    return gone
  }

  /// What users think of as a layer: what quantization knows, and is no arithmetic on parameters.
  private func kind(of node: NodeID) -> RemovedNode.Kind {
    guard let role = graph.quantizationRole(of: node), let first = graph[node].operands.first,
      let x = first, !graph.isParameter(x)
    else { return .other }
    switch role {
    case .weighted, .weightsOnly: return .product
    default: return .layer
    }
  }

  private struct RemovedNode {
    enum Kind { case product, layer, other }
    let name: String
    let kind: Kind
    let origins: [String]
  }

  mutating func takeTouched() -> [NodeID] {
    defer { touched = [] }
    return touched + builder.emitted.suffix(64)
  }
}
