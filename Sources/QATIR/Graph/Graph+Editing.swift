import QATCore

// Every edit keeps the users of values, the names and the order of nodes right.
extension Graph {
  /// Makes room for what is going to be added.
  public mutating func reserveCapacity(nodes: Int, values: Int) {
    nodeTable.reserveCapacity(nodes)
    nodeNames.reserveCapacity(nodes)
    self.values.reserveCapacity(values)
    valueNames.reserveCapacity(values)
  }

  /// Adds an input behind the others.
  @discardableResult
  public mutating func addInput(_ name: String, _ type: TensorType) -> ValueID {
    let value = addValue(name, type, .input)
    inputs.append(value)
    return value
  }

  /// Adds a constant.
  @discardableResult
  public mutating func addConstant(_ name: String, _ tensor: AnyTensor) -> ValueID {
    addValue(name, tensor.type, .constant(tensor))
  }

  /// Adds a variable with the contents it starts from.
  @discardableResult
  public mutating func addVariable(_ name: String, _ tensor: AnyTensor) -> ValueID {
    addValue(name, tensor.type, .variable(tensor))
  }

  /// Adds a node before another one, or at the end, and infers the types of its results.
  ///
  /// - Parameter results: the names of the results; `nil` for one that is not wanted, an empty text
  ///   for one to be named after the node.
  @discardableResult
  public mutating func addNode(
    _ op: any Operation, _ operands: [ValueID?], name: String, results: [String?] = [""],
    origins: [String] = [], metadata: [String: String] = [:], before next: NodeID? = nil
  ) throws(Diagnostic) -> NodeID {
    let (settled, types) = try settled(op, operands, resultCount: results.count)
    return insertNode(
      settled ?? op, operands, name: name, results: results, types: types, origins: origins,
      metadata: metadata, before: next)
  }

  /// Adds a node whose result types are given: for the importer, which knows those of opaque ones.
  @discardableResult
  public mutating func insertNode(
    _ op: any Operation, _ operands: [ValueID?], name: String, results: [String?],
    types: [TensorType], origins: [String] = [], metadata: [String: String] = [:],
    before next: NodeID? = nil
  ) -> NodeID {
    let id = NodeID(index: nodeTable.indices.count)
    let base =
      name.isEmpty ? (results.compactMap { $0 }.first { !$0.isEmpty } ?? op.name.type) : name
    let unique = uniqueName(base, in: nodeNames)
    nodeTable.append(
      Node(
        op: op, operands: operands, results: [], name: unique, origins: origins,
        metadata: metadata))
    nodeNames[unique] = id
    link(id, before: next)
    for case .some(let operand) in operands { values[operand.index].users.append(id) }
    let values = results.enumerated().map { index, name -> ValueID? in
      guard let name else { return nil }
      let fallback = index == 0 ? unique : "\(unique).\(index)"
      return addValue(name.isEmpty ? fallback : name, types[index], .result(of: id, index))
    }
    nodeTable[id.index].results = values
    return id
  }

  /// Makes a computed value one that a run is given: the last input. Its node no longer has it.
  public mutating func makeInput(_ value: ValueID) {
    detach(value)
    values[value.index].definition = .input
    inputs.append(value)
  }

  /// Makes a computed value, or an input, a constant. A node no longer has it as a result.
  /// - Precondition: the contents have its element type.
  public mutating func makeConstant(_ value: ValueID, _ tensor: AnyTensor) {
    precondition(tensor.element == self[value].type.element, "another element type")
    detach(value)
    inputs.removeAll { $0 == value }
    values[value.index].definition = .constant(tensor)
    values[value.index].type = tensor.type
  }

  private mutating func detach(_ value: ValueID) {
    guard case .result(let node, let index) = self[value].definition else { return }
    nodeTable[node.index].results[index] = nil
  }

  /// Puts an input at another place among the inputs.
  mutating func moveInput(from old: Int, to new: Int) {
    let input = inputs.remove(at: old)
    inputs.insert(input, at: new)
  }

  /// Gives a node one more result; those at and behind its place stand one further.
  mutating func insertResult(
    _ name: String, _ type: TensorType, at place: Int, of node: NodeID
  ) -> ValueID {
    let value = addValue(name, type, .result(of: node, place))
    var results = self[node].results
    results += Array(repeating: nil, count: max(0, place - results.count))
    results.insert(value, at: place)
    for (index, result) in results.enumerated().dropFirst(place + 1) {
      if let result { values[result.index].definition = .result(of: node, index) }
    }
    nodeTable[node.index].results = results
    return value
  }

  /// Removes a node whose results nobody reads.
  public mutating func remove(_ id: NodeID) {
    let node = self[id]
    for case .some(let result) in node.results {
      precondition(self[result].users.isEmpty && !isOutput(result), "a result is still read")
      valueNames[self[result].name] = nil
      values.remove(result.index)
    }
    for case .some(let operand) in node.operands { removeUser(id, of: operand) }
    unlink(id)
    nodeNames[node.name] = nil
    nodeTable.remove(id.index)
  }

  /// Removes a constant, a variable or an input that nobody reads.
  public mutating func remove(_ id: ValueID) {
    precondition(
      self[id].users.isEmpty && !isOutput(id) && self[id].producer == nil, "still in use")
    if self[id].isInput { inputs.removeAll { $0 == id } }
    valueNames[self[id].name] = nil
    values.remove(id.index)
  }

  /// Lets every user of a value, and the graph's outputs, read another one.
  ///
  /// Where the value is an output, the other one takes over its name (and an output that is itself an
  /// input, constant or output of the graph gets an `Identity` between, so that no name is lost).
  public mutating func replaceAllUses(of old: ValueID, with new: ValueID) throws(Diagnostic) {
    guard old != new else { return }
    let users = self[old].users
    values[old.index].users = []
    for user in users {
      for index in self[user].operands.indices where self[user].operands[index] == old {
        nodeTable[user.index].operands[index] = new
      }
    }
    values[new.index].users += users
    guard isOutput(old) else { return }
    var replacement = new
    if self[new].producer == nil || isOutput(new) {
      let identity = try addNode(Identity(), [new], name: "", results: [self[old].name + ".output"])
      replacement = self[identity].result
    }
    let positions = self[old].outputPositions
    for position in positions { outputs[position] = replacement }
    values[old.index].outputPositions = []
    values[replacement.index].outputPositions = positions
    let name = self[old].name
    rename(old, to: uniqueName(name + ".replaced", in: valueNames))
    rename(replacement, to: name)
  }

  /// Changes what a node reads.
  public mutating func setOperand(_ index: Int, of node: NodeID, to new: ValueID?) {
    let old = self[node].operands[index]
    if let old { removeUser(node, of: old) }
    nodeTable[node.index].operands[index] = new
    if let new { values[new.index].users.append(node) }
  }

  /// Makes the operand list of a node another one.
  public mutating func setOperands(of node: NodeID, to new: [ValueID?]) {
    for case .some(let old) in self[node].operands { removeUser(node, of: old) }
    nodeTable[node.index].operands = new
    for case .some(let value) in new { values[value.index].users.append(node) }
  }

  /// Changes an operation in place; its results keep their types until `inferTypes` runs.
  public mutating func setOperation(of node: NodeID, to op: any Operation) {
    nodeTable[node.index].op = op
  }

  /// Says which values are the outputs, in order.
  public mutating func setOutputs(_ outputs: [ValueID]) {
    for old in self.outputs { values[old.index].outputPositions = [] }
    self.outputs = outputs
    for (position, new) in outputs.enumerated() {
      values[new.index].outputPositions.append(position)
    }
  }

  /// Says what type a value has; `inferTypes` finds those of results.
  public mutating func setType(of value: ValueID, to type: TensorType) {
    values[value.index].type = type
  }

  /// Sets a note on a node, or removes it.
  public mutating func setMetadata(_ key: String, of node: NodeID, to value: String?) {
    nodeTable[node.index].metadata[key] = value
  }

  /// Says which source nodes a node comes from.
  public mutating func setOrigins(of node: NodeID, to origins: [String]) {
    nodeTable[node.index].origins = origins
  }

  /// Makes a constant a variable, a variable a constant, or puts other contents into one.
  /// - Precondition: the value is neither an input nor computed; the contents have its type.
  public mutating func define(_ value: ValueID, as definition: Value.Definition) {
    precondition(self[value].parameter != nil, "only constants and variables are redefined")
    switch definition {
    case .constant(let tensor), .variable(let tensor):
      values[value.index].definition = definition
      values[value.index].type = tensor.type
    case .input, .result: preconditionFailure("not a constant or a variable")
    }
  }

  /// Gives a value another name. - Precondition: the name is free.
  public mutating func rename(_ value: ValueID, to name: String) {
    precondition(
      valueNames[name] == nil || valueNames[name] == value, "the name '\(name)' is taken")
    valueNames[self[value].name] = nil
    values[value.index].name = name
    valueNames[name] = value
  }

  /// Gives a node another name. - Precondition: the name is free.
  public mutating func rename(_ node: NodeID, to name: String) {
    precondition(nodeNames[name] == nil || nodeNames[name] == node, "the name '\(name)' is taken")
    nodeNames[self[node].name] = nil
    nodeTable[node.index].name = name
    nodeNames[name] = node
  }

  /// The name itself where no value has it, else the name with a number.
  public func freeValueName(_ name: String) -> String { uniqueName(name, in: valueNames) }

  /// The name itself where no node has it, else the name with a number.
  public func freeNodeName(_ name: String) -> String { uniqueName(name, in: nodeNames) }

  /// Moves a node in front of another one.
  public mutating func move(_ node: NodeID, before next: NodeID?) {
    unlink(node)
    link(node, before: next)
  }

  // MARK: - Parts

  private mutating func addValue(
    _ name: String, _ type: TensorType, _ definition: Value.Definition
  ) -> ValueID {
    let id = ValueID(index: values.indices.count)
    let unique = uniqueName(name, in: valueNames)
    values.append(Value(name: unique, type: type, definition: definition))
    valueNames[unique] = id
    return id
  }

  private func uniqueName<ID>(_ name: String, in names: [String: ID]) -> String {
    if names[name] == nil { return name }
    // The numbers that are taken mostly run from 1 on: doubling, then halving, finds the first free one.
    var taken = 0, free = 1
    while names["\(name).\(free)"] != nil { (taken, free) = (free, 2 * free) }
    while free - taken > 1 {
      let middle = (taken + free) / 2
      if names["\(name).\(middle)"] != nil { taken = middle } else { free = middle }
    }
    return "\(name).\(free)"
  }

  private mutating func removeUser(_ node: NodeID, of value: ValueID) {
    // The first or the last one at once: passes go through nodes in one order or the other, and a value
    // may have very many users.
    if self[value].users.last == node {
      values[value.index].users.removeLast()
    } else if let index = self[value].users.firstIndex(of: node) {
      values[value.index].users.remove(at: index)
    }
  }

  private mutating func link(_ id: NodeID, before next: NodeID?) {
    let previous = next.map { self[$0].previous } ?? lastNode
    nodeTable[id.index].previous = previous
    nodeTable[id.index].next = next
    if let previous { nodeTable[previous.index].next = id } else { firstNode = id }
    if let next { nodeTable[next.index].previous = id } else { lastNode = id }
  }

  private mutating func unlink(_ id: NodeID) {
    let node = self[id]
    if let previous = node.previous {
      nodeTable[previous.index].next = node.next
    } else {
      firstNode = node.next
    }
    if let next = node.next {
      nodeTable[next.index].previous = node.previous
    } else {
      lastNode = node.previous
    }
  }
}
