import QATCore

extension Graph {
  /// The types that an operation gives its results for these operands.
  /// - Throws: the operation's diagnostic, without a place: the caller knows it.
  public func inferredTypes(
    of op: any Operation, _ operands: [ValueID?], resultCount: Int
  ) throws(Diagnostic) -> [TensorType] {
    let known = self.operands(operands, resultCount: resultCount)
    try checkSignature(of: op, known)
    if known.all.contains(where: { $0 != nil && $0?.type.shape == nil }),
      !(op is any TakesUnknownRank)
    {
      let elements = op.resultElements(known)
      return (0..<max(resultCount, 1)).map {
        TensorType(elements[min($0, elements.count - 1)], nil)
      }
    }
    let types = try op.resultTypes(known)
    guard resultCount <= types.count else {
      throw Diagnostic(
        .invalidGraph, "\(op.name) has \(types.count) results, the node names \(resultCount)")
    }
    for type in types { try type.checkSize() }
    return types
  }

  /// The types that an operation gives its results; and the operation itself where it has bodies, with
  /// the types in them.
  public func settled(
    _ op: any Operation, _ operands: [ValueID?], resultCount: Int
  ) throws(Diagnostic) -> (op: (any Operation)?, types: [TensorType]) {
    guard let flow = op.controlFlow else {
      return (nil, try inferredTypes(of: op, operands, resultCount: resultCount))
    }
    let known = self.operands(operands, resultCount: resultCount)
    try checkSignature(of: op, known)
    let (settled, types) = try flow.settledBodies(known)
    guard resultCount <= types.count else {
      throw Diagnostic(
        .invalidGraph, "\(op.name) has \(types.count) results, the node names \(resultCount)")
    }
    return (settled, types)
  }

  /// Infers all types again, in order: after inputs or constants were changed.
  public mutating func inferTypes() throws(Diagnostic) {
    for node in nodes { try inferTypes(of: node) }
  }

  /// Infers the types of one node's results again. A known type of an opaque node stays.
  public mutating func inferTypes(of id: NodeID) throws(Diagnostic) {
    let node = self[id]
    if node.op is Opaque { return }
    do throws(Diagnostic) {
      let (op, types) = try settled(node.op, node.operands, resultCount: node.results.count)
      if let op { setOperation(of: id, to: op) }
      for (result, type) in zip(node.results, types) {
        if let result { setType(of: result, to: type) }
      }
    } catch { throw error.at("node '\(node.name)' (\(node.op.name))") }
  }

  /// What inference may know of values: types, constants, elements that are dimensions.
  public func operands(_ ids: [ValueID?], resultCount: Int) -> Operands {
    var known: [ValueID: [Dimension]?] = [:]
    return operands(ids, resultCount: resultCount, depth: 64, &known)
  }

  /// The contents of a small i64 or bool value that sizes and constants decide.
  public func knownContents(of value: ValueID) -> AnyTensor? {
    let type = self[value].type
    guard type.element == .i64 || type.element == .bool, let rank = type.shape?.rank,
      let dimensions = dimensions(of: value)
    else { return nil }
    let integers = dimensions.compactMap(\.integer)
    guard integers.count == dimensions.count else { return nil }
    let shape = rank == 0 ? [] : [integers.count]
    return type.element == .bool
      ? AnyTensor(shape: shape, integers.map { $0 != 0 })
      : AnyTensor(shape: shape, integers.map(Int64.init))
  }

  /// The elements of a small integer (or bool: 0 and 1) value as dimensions, where they are known.
  ///
  /// Looks up through shape arithmetic (`Shape`, `Gather`, `Concat`, …), at most 64 nodes deep.
  public func dimensions(of value: ValueID, depth: Int = 64) -> [Dimension]? {
    var known: [ValueID: [Dimension]?] = [:]
    return dimensions(of: value, depth: depth, &known)
  }

  private func operands(
    _ ids: [ValueID?], resultCount: Int, depth: Int, _ known: inout [ValueID: [Dimension]?]
  ) -> Operands {
    let all = ids.map { id -> Operands.Operand? in
      guard let id else { return nil }
      return Operands.Operand(
        self[id].type, constant: self[id].constant,
        dimensions: dimensions(of: id, depth: depth, &known))
    }
    return Operands(all, resultCount: resultCount)
  }

  /// Values of more elements are no shapes.
  private static let longestShape = 64

  /// `known` keeps what was found: a value that many paths lead to is looked up once, where the
  /// number of paths may double with every node.
  private func dimensions(
    of value: ValueID, depth: Int, _ known: inout [ValueID: [Dimension]?]
  ) -> [Dimension]? {
    let type = self[value].type
    guard depth > 0, [.i64, .i32, .bool].contains(type.element), (type.shape?.rank ?? 0) <= 1
    else { return nil }
    if let found = known[value] { return found }
    var result: [Dimension]?
    if let constant = self[value].constant {
      result =
        constant.elementCount <= Self.longestShape
        ? constant.integers?.map { Dimension(signed: $0) } : nil
    } else if case .result(let producer, 0) = self[value].definition,
      let op = self[producer].op as? any ShapeArithmetic
    {
      // Shape arithmetic speaks of the first result only.
      let node = self[producer]
      result = op.dimensions(
        operands(node.operands, resultCount: node.results.count, depth: depth - 1, &known))
      // Each Concat may double them.
      if let count = result?.count, count > Self.longestShape { result = nil }
    }
    known.updateValue(result, forKey: value)
    return result
  }

  /// A copy with sizes in place of symbols and all types inferred again.
  public func substituting(_ sizes: [String: Int]) throws(Diagnostic) -> Graph {
    var result = self
    for input in inputs { result.setType(of: input, to: self[input].type.substituting(sizes)) }
    try result.inferTypes()
    return result
  }

  /// Arity, presence and element types against the operation's table.
  private func checkSignature(of op: any Operation, _ operands: Operands) throws(Diagnostic) {
    let specs = type(of: op).operands
    let variadic = specs.last?.presence == .variadic
    if operands.count > specs.count && !variadic {
      throw Diagnostic(
        .invalidOperand, "\(op.name) takes \(specs.count) operands, not \(operands.count)")
    }
    // The first operand of each type variable.
    var variables: [(name: String, element: ElementType, operand: String)] = []
    for index in 0..<max(specs.count, operands.count) {
      let spec = specs[min(index, specs.count - 1)]
      guard let type = operands.optional(index) else {
        if spec.presence == .required {
          throw Diagnostic(.invalidOperand, "\(op.name) needs operand '\(spec.name)'")
        }
        continue
      }
      if !spec.elements.contains(type.element) {
        throw Diagnostic(
          .typeMismatch,
          "\(spec.name) of \(op.name) is \(type.element.name), expected \(names(of: spec.elements))"
        )
      }
      guard let variable = spec.typeVariable else { continue }
      guard let first = variables.first(where: { $0.name == variable }) else {
        variables.append((variable, type.element, spec.name))
        continue
      }
      if first.element != type.element {
        throw Diagnostic(
          .typeMismatch,
          "\(spec.name) of \(op.name) is \(type.element.name), but \(first.operand) is "
            + first.element.name,
          hint: "insert a Cast")
      }
    }
  }

  private func names(of elements: Set<ElementType>) -> String {
    elements == .floats
      ? "a float type" : elements.map(\.name).sorted().joined(separator: ", ")
  }
}
