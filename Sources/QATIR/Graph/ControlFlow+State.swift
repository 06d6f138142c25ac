import QATCore

// Observers in bodies: a body has no variables, so it captures those that hold their state.
extension Graph {
  /// Lets a node's bodies capture one more value.
  ///
  /// - Parameters:
  ///   - inner: the constant of a body that the value stands for; in the other bodies nobody reads it.
  ///   - body: which body that is.
  public mutating func capture(
    _ outer: ValueID, as inner: ValueID, inBody body: Int, of id: NodeID
  ) {
    guard var op = self[id].op.controlFlow else { return }
    var operands = self[id].operands
    // Optional operands at the end that were left out stand in front of what is captured.
    let first = op.nextCarried(operands: operands.count)?.operand ?? 1
    operands += Array(repeating: nil, count: max(0, first - operands.count))
    op.bodies = op.bodies.enumerated().map { index, graph in
      var graph = graph
      if index == body {
        graph.makeInput(inner)
      } else {
        graph.addInput(graph.freeValueName(self[outer].name), self[outer].type)
      }
      return graph
    }
    op.captures += 1
    setOperation(of: id, to: op)
    setOperands(of: id, to: operands + [outer])
  }

  /// Lets the new state of observers come out of the bodies of control flow, however often these run:
  /// a state that the body of a loop captures goes from step to step, and one of a branch is a result.
  ///
  /// - Parameter isWanted: for which observers, by the graph or body that they stand in.
  /// - Returns: of each state the value that is its new contents. States are variables, or inputs
  ///   where the graph is a body.
  public mutating func carryObserverState(
    of isWanted: (Graph, NodeID) -> Bool
  ) throws(Diagnostic) -> [(state: ValueID, result: ValueID)] {
    var updates: [(state: ValueID, result: ValueID)] = []
    for id in nodes {
      if self[id].op is any ObservesBatches {
        guard isWanted(self, id) else { continue }
        for case (.some(let state), .some(let result)) in zip(
          self[id].operands.dropFirst(), self[id].results)
        {
          updates.append((state, result))
        }
      } else if self[id].op.controlFlow != nil {
        updates += try carryState(through: id, of: isWanted)
      }
    }
    return updates
  }

  private mutating func carryState(
    through id: NodeID, of isWanted: (Graph, NodeID) -> Bool
  ) throws(Diagnostic) -> [(state: ValueID, result: ValueID)] {
    guard var op = self[id].op.controlFlow else { return [] }
    var bodies = op.bodies
    // By the captured input of the first body: what each body makes of it.
    var found: [Int: [Int: ValueID]] = [:]
    for body in bodies.indices {
      let captured = Array(bodies[body].inputs.suffix(op.captures))
      for (state, result) in try bodies[body].carryObserverState(of: isWanted) {
        if let index = captured.firstIndex(of: state) { found[index, default: [:]][body] = result }
      }
    }
    if found.isEmpty { return [] }
    op.bodies = bodies
    var updates: [(state: ValueID, result: ValueID)] = []
    for (moved, index) in found.keys.sorted().enumerated() {
      let place = op.nextCarried(operands: self[id].operands.count)
      var operands = self[id].operands
      let operand = operands.count - op.captures + index - (place == nil ? 0 : moved)
      guard let state = operands[operand] else { continue }
      for number in op.bodies.indices {
        var body = op.bodies[number]
        let position = body.inputs.count - op.captures + index - (place == nil ? 0 : moved)
        let input = body.inputs[position]
        if let place { body.moveInput(from: position, to: place.input) }
        var outputs = body.outputs
        var next = found[index]?[number] ?? input
        if next == input { next = try body.unchanged(input) }
        outputs.insert(next, at: place?.output ?? outputs.count)
        body.setOutputs(outputs)
        op.bodies[number] = body
      }
      if let place {
        operands.remove(at: operand)
        operands.insert(state, at: place.operand)
        op.captures -= 1
      }
      setOperation(of: id, to: op)
      setOperands(of: id, to: operands)
      let result = insertResult(
        freeValueName(self[state].name + ".next"), self[state].type,
        at: place?.result ?? op.bodies[0].outputs.count - 1, of: id)
      updates.append((state, result))
    }
    try inferTypes(of: id)
    return updates
  }

  /// A computed value that is equal to an input.
  private mutating func unchanged(_ input: ValueID) throws(Diagnostic) -> ValueID {
    let node = try addNode(Identity(), [input], name: freeValueName(self[input].name + ".same"))
    return self[node].result
  }
}
