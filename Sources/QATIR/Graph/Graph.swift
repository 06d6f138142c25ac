import QATCore

/// A computation: inputs, constants and variables, nodes in topological order, outputs.
///
/// A value: a copy is independent and O(1) until one of the two is edited. Nodes that only exist
/// for their effect (`qat.Assign`) have no results and are kept.
public struct Graph: Sendable {
  /// The name in text and files.
  public var name: String
  /// What a run is given, in order.
  public internal(set) var inputs: [ValueID] = []
  /// What a run gives back, in order.
  public internal(set) var outputs: [ValueID] = []
  /// Notes of the model file (ONNX's `metadata_props`) and of passes.
  public var metadata: [String: String] = [:]
  /// What the file says beyond the graph, in the file's form: see `Part`.
  public var attachments: [Part: [UInt8]] = [:]

  var values = Slots<Value>()
  var nodeTable = Slots<Node>()
  var valueNames: [String: ValueID] = [:]
  var nodeNames: [String: NodeID] = [:]
  var firstNode: NodeID?
  var lastNode: NodeID?

  public init(name: String) { self.name = name }

  /// A value.
  /// - Precondition: it is one of the graph's.
  public subscript(id: ValueID) -> Value {
    _read { yield values[id.index] }
  }

  /// A node.
  /// - Precondition: it is one of the graph's.
  public subscript(id: NodeID) -> Node {
    _read { yield nodeTable[id.index] }
  }

  /// Whether a node is part of the graph, and was not removed.
  public func contains(_ id: NodeID) -> Bool { nodeTable.contains(id.index) }
  /// Whether a value is part of the graph, and was not removed.
  public func contains(_ id: ValueID) -> Bool { values.contains(id.index) }

  /// The nodes in topological order. O(n).
  public var nodes: [NodeID] {
    var result: [NodeID] = []
    result.reserveCapacity(nodeCount)
    var next = firstNode
    while let node = next {
      result.append(node)
      next = self[node].next
    }
    return result
  }

  /// How many nodes there are.
  public var nodeCount: Int { nodeTable.liveCount }

  /// All values that exist, in the order of their making.
  public var allValues: [ValueID] {
    values.indices.compactMap { values.contains($0) ? ValueID(index: $0) : nil }
  }
  /// Values that never change, in the order of their making.
  public var constants: [ValueID] { allValues.filter { self[$0].constant != nil } }
  /// Values that running may change, in the order of their making.
  public var variables: [ValueID] { allValues.filter { self[$0].variable != nil } }

  /// Constants and variables in the order of their first use, then those that no node reads, by name:
  /// an order that says nothing about how the graph was made. O(n log n).
  public var orderedParameters: [ValueID] {
    var result: [ValueID] = []
    var seen: Set<ValueID> = []
    for node in nodes {
      for case .some(let operand) in self[node].operands
      where self[operand].parameter != nil && seen.insert(operand).inserted {
        result.append(operand)
      }
    }
    let rest = allValues.filter { self[$0].parameter != nil && !seen.contains($0) }
    return result + rest.sorted { self[$0].name < self[$1].name }
  }

  /// The value of a name.
  public func value(named name: String) -> ValueID? { valueNames[name] }
  /// The node of a name.
  public func node(named name: String) -> NodeID? { nodeNames[name] }

  /// The node that computes a value, or `nil` for inputs, constants and variables.
  public func producer(of value: ValueID) -> NodeID? { self[value].producer }
  /// The nodes that read a value, one entry for each operand.
  public func users(of value: ValueID) -> [NodeID] { self[value].users }
  /// Whether a value is one of the outputs.
  public func isOutput(_ value: ValueID) -> Bool { !self[value].outputPositions.isEmpty }

  /// Whether nobody reads the value and it is no output.
  public func isUnused(_ value: ValueID) -> Bool {
    self[value].users.isEmpty && !isOutput(value)
  }

  /// Whether exactly one operand reads the value and it is no output.
  public func isUsedOnce(_ value: ValueID) -> Bool {
    self[value].users.count == 1 && !isOutput(value)
  }

  /// The operation that computes a value, where it is of that type.
  @inlinable
  public func operation<Op: Operation>(_: Op.Type, of value: ValueID?) -> (node: NodeID, op: Op)? {
    guard let value, let node = producer(of: value), let op = self[node].op as? Op else {
      return nil
    }
    return (node, op)
  }

  /// The symbols in the shapes of the inputs: what a plan needs sizes for.
  public var symbols: [String] {
    Set(inputs.flatMap { self[$0].type.shape?.dimensions.flatMap(\.freeSymbols) ?? [] }).sorted()
  }
}

extension Graph {
  /// The first node in topological order.
  public var firstNodeID: NodeID? { firstNode }
  /// The node that stands behind another one.
  public func node(after id: NodeID) -> NodeID? { self[id].next }
}
