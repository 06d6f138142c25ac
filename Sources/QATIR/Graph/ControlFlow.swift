import QATCore

/// An operation that runs graphs of its own, its bodies: `If`, `Loop`, `Scan`.
///
/// A body is a graph like any other, with names of its own and no variables. What it takes from
/// outside is explicit: the last `captures` operands of the node are the last inputs of every body, in
/// the same order, whether a body reads them or not. So no pass can break what a body reads.
public protocol ControlFlow: TakesUnknownRank {
  /// In the order of the attributes that hold them.
  var bodies: [Graph] { get set }
  /// How many of the operands, at the end, are there for the bodies alone.
  var captures: Int { get set }

  /// The types that the inputs of a body, up to the captured ones, have in the first step: for making
  /// the bodies of an operation that has none yet. `operands` has no captured ones.
  func bodyInputs(_ operands: Operands) throws(Diagnostic) -> [TensorType]

  /// Where one more value that goes from step to step would stand, behind those there are: among the
  /// operands, of so many, the inputs and outputs of the bodies and the results. `nil` where bodies run
  /// once, and nothing is carried.
  func nextCarried(operands: Int) -> (operand: Int, input: Int, output: Int, result: Int)?

  /// The operation with the types in its bodies inferred for these operands, and those of its results.
  func settled(_ operands: Operands) throws(Diagnostic) -> (op: Self, results: [TensorType])
}

extension ControlFlow {
  public var controlFlow: (any ControlFlow)? { self }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try settled(operands).results
  }

  /// `settled`, for a caller that does not know which operation it is.
  func settledBodies(
    _ operands: Operands
  ) throws(Diagnostic) -> (op: any Operation, results: [TensorType]) {
    let (op, results) = try settled(operands)
    return (op, results)
  }

  /// The index of the first operand that is there for the bodies alone.
  func firstCapture(_ operands: Operands) throws(Diagnostic) -> Int {
    guard (0...operands.count).contains(captures) else {
      throw Diagnostic(
        .invalidAttribute, "\(captures) captures of \(operands.count) operands")
    }
    return operands.count - captures
  }

  /// The types of required operands.
  func types(_ operands: Operands, _ range: Range<Int>) throws(Diagnostic) -> [TensorType] {
    var types: [TensorType] = []
    for index in range {
      guard let type = operands.optional(index) else {
        throw Diagnostic(.invalidOperand, "\(name) needs operand \(index)")
      }
      types.append(type)
    }
    return types
  }

  /// Runs inference on a body whose carried values may change their shapes from step to step, until the
  /// types that go in hold what comes out.
  ///
  /// - Parameters:
  ///   - carried: types in front of the first step.
  ///   - before, after: types of the body's inputs in front of and behind the carried ones.
  ///   - skipped: how many outputs stand in front of the carried ones.
  func settle(
    _ body: Graph, carrying carried: [TensorType], before: [TensorType], after: [TensorType],
    skipping skipped: Int
  ) throws(Diagnostic) -> (body: Graph, carried: [TensorType]) {
    guard body.outputs.count >= skipped + carried.count else {
      throw Diagnostic(
        .invalidGraph,
        "the body has \(body.outputs.count) outputs, expected \(skipped + carried.count) or more")
    }
    var carried = carried
    var body = body
    for round in 0..<3 {
      body = try body.typed(before + carried + after)
      var next: [TensorType] = []
      for (old, output) in zip(carried, body.outputs.dropFirst(skipped)) {
        next.append(try old.widened(by: body[output].type))
      }
      if next == carried { return (body, carried) }
      // The third time nothing is known that could change again.
      carried = round == 0 ? next : next.map { TensorType($0.element, nil) }
    }
    return (try body.typed(before + carried + after), carried)
  }
}

extension Diagnostic {
  /// Whether it says that an operation does not fit the shapes at hand: with others it may.
  public var isAboutShapes: Bool { code == .shapeMismatch || code == .invalidAttribute }
}

extension TensorType {
  /// What holds for values of both types.
  /// - Throws: `type-mismatch` where their elements differ.
  public func widened(by other: TensorType) throws(Diagnostic) -> TensorType {
    guard element == other.element else {
      throw Diagnostic(
        .typeMismatch, "a value is \(element.name) on one way and \(other.element.name) on another")
    }
    guard let shape, let otherShape = other.shape, shape.rank == otherShape.rank else {
      return TensorType(element, nil)
    }
    return TensorType(
      element,
      Shape(zip(shape.dimensions, otherShape.dimensions).map { $0.isSame(as: $1) ? $0 : .unknown }))
  }
}

extension Graph {
  /// How deep bodies may lie in bodies.
  public static let deepestNesting = 16

  /// The graph with these types of its inputs, all others inferred again; itself where it has them.
  public func typed(_ types: [TensorType]) throws(Diagnostic) -> Graph {
    guard types.count == inputs.count else {
      throw Diagnostic(
        .invalidGraph, "body '\(name)' has \(inputs.count) inputs, not \(types.count)")
    }
    var result = self
    var isNew = false
    for (id, type) in zip(inputs, types) where self[id].type != type {
      guard self[id].type.element == type.element else {
        throw Diagnostic(
          .typeMismatch,
          "input '\(self[id].name)' of body '\(name)' is \(self[id].type), given is \(type)")
      }
      result.setType(of: id, to: type)
      isNew = true
    }
    if isNew {
      do throws(Diagnostic) { try result.inferTypes() } catch { throw error.at("body '\(name)'") }
    }
    return result
  }

  /// The types of the outputs.
  public var outputTypes: [TensorType] { outputs.map { self[$0].type } }

  /// Rewrites the bodies of all nodes; types are inferred again where a body has changed.
  public mutating func mapBodies(
    _ rewrite: (inout Graph) throws(Diagnostic) -> Void
  ) throws(Diagnostic) {
    for id in nodes { try mapBodies(of: id, rewrite) }
  }

  /// Rewrites the bodies of one node, where it has any.
  public mutating func mapBodies(
    of id: NodeID, _ rewrite: (inout Graph) throws(Diagnostic) -> Void
  ) throws(Diagnostic) {
    guard var op = self[id].op.controlFlow else { return }
    let old = op.bodies
    var new = old
    for index in new.indices {
      do throws(Diagnostic) { try rewrite(&new[index]) } catch {
        throw error.at("node '\(self[id].name)' (\(op.name))")
      }
    }
    guard new != old else { return }
    op.bodies = new
    setOperation(of: id, to: op)
    try inferTypes(of: id)
  }

  /// Puts the nodes of a body in front of a node.
  ///
  /// Names stay where they are free, and get a number where they are not.
  /// - Parameter arguments: what stands for the inputs of the body.
  /// - Returns: what stands for its outputs, and the new nodes.
  public mutating func inline(
    _ body: Graph, _ arguments: [ValueID], before next: NodeID?
  ) -> (outputs: [ValueID], nodes: [NodeID]) {
    precondition(arguments.count == body.inputs.count, "a value for each input of the body")
    var values = Dictionary(uniqueKeysWithValues: zip(body.inputs, arguments))
    for id in body.constants {
      guard let tensor = body[id].constant else { continue }
      values[id] = addConstant(body[id].name, tensor)
      attachments[.tensor(self[values[id]!].name)] = body.attachments[.tensor(body[id].name)]
    }
    var nodes: [NodeID] = []
    for id in body.nodes {
      let node = body[id]
      let new = insertNode(
        node.op, node.operands.map { $0.flatMap { values[$0] } }, name: node.name,
        results: node.results.map { $0.map { body[$0].name } },
        types: node.results.map { $0.map { body[$0].type } ?? TensorType(.f32, nil) },
        origins: node.origins, metadata: node.metadata, before: next)
      for case (.some(let old), .some(let result)) in zip(node.results, self[new].results) {
        values[old] = result
      }
      attachments[.node(self[new].name)] = body.attachments[.node(node.name)]
      nodes.append(new)
    }
    return (body.outputs.compactMap { values[$0] }, nodes)
  }
}
