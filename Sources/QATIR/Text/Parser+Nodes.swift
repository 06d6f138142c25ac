import QATCore

/// A node's line: `%y = Conv(%x, %w) {group = 1} : f32[N,8] name("conv1")`.
extension GraphParser {
  /// A result as written; `nil` where it is absent.
  struct ResultName {
    let name: String?
    let start: Int
  }

  /// `%a, _ =`; or what follows where the first one is absent and has been read.
  mutating func results(afterAbsent: Bool = false) throws(Diagnostic) -> [ResultName] {
    var results: [ResultName] = []
    var names: Set<String> = []
    if afterAbsent { results.append(ResultName(name: nil, start: scanner.position)) }
    if !afterAbsent || scanner.accept(",") {
      repeat {
        scanner.skipLines()
        let start = scanner.position
        let name = try optionalValueName()
        if let name {
          try checkIsFree(name, at: start)
          guard names.insert(name).inserted else {
            throw scanner.error(.invalidGraph, "%\(Printer.name(name)) is defined twice", at: start)
          }
        }
        results.append(ResultName(name: name, start: start))
        scanner.skipBlanks()
      } while scanner.accept(",")
    }
    scanner.skipBlanks()
    try scanner.expect("=")
    scanner.skipBlanks()
    return results
  }

  /// From the operation's name on.
  mutating func node(_ start: Int, results: [ResultName]) throws(Diagnostic) {
    let name: OpName
    if scanner.isAtQuote {
      let domain = try scanner.quotedText()
      try scanner.expect(".")
      name = OpName(domain: domain, type: try scanner.quotedText())
    } else {
      name = OpName(try scanner.identifier("an operation"))
    }
    try node(start, operation: name, results: results)
  }

  /// After the operation's name.
  mutating func node(
    _ start: Int, operation name: OpName, results: [ResultName]
  ) throws(Diagnostic) {
    scanner.skipBlanks()
    try scanner.expect("(")
    let operands = try operands()
    let written = try operation(name, start)
    let (op, types) = try typed(written, operands, results, at: start)
    let suffix = try suffix()
    let nodeName = suffix.name ?? results.lazy.compactMap(\.name).first ?? ""
    guard nodeName.isEmpty || graph.node(named: nodeName) == nil else {
      throw scanner.error(
        .invalidGraph, "there is another node '\(nodeName)'", at: start,
        hint: #"give this one a name of its own: name("…")"#)
    }
    graph.insertNode(
      op, operands, name: nodeName, results: results.map(\.name), types: types,
      origins: suffix.origins, metadata: suffix.notes)
  }

  private mutating func operands() throws(Diagnostic) -> [ValueID?] {
    var operands: [ValueID?] = []
    try list(closing: ")") { parser throws(Diagnostic) in
      let start = parser.scanner.position
      let name = try parser.optionalValueName()
      if let name {
        operands.append(try parser.value(name, at: start))
      } else {
        operands.append(nil)
      }
    }
    return operands
  }

  /// The operation with the attributes that follow in braces.
  private mutating func operation(_ name: OpName, _ start: Int) throws(Diagnostic) -> any Operation
  {
    var attributes: [(name: String, value: AttributeValue)] = []
    var starts: [Int] = []
    scanner.skipBlanks()
    if scanner.accept("{") {
      var names: Set<String> = []
      try list(closing: "}") { parser throws(Diagnostic) in
        let start = parser.scanner.position
        let name = try parser.scanner.name("an attribute")
        guard names.insert(name).inserted else {
          throw parser.scanner.error(.syntax, "attribute '\(name)' occurs twice", at: start)
        }
        parser.scanner.skipBlanks()
        try parser.scanner.expect("=")
        parser.scanner.skipBlanks()
        attributes.append((name, try parser.attributeValue()))
        starts.append(start)
      }
    }
    do throws(Diagnostic) { return try registry.operation(name, attributes: attributes) } catch {
      throw error.at(scanner.place(of: culprit(name, attributes, starts) ?? start))
    }
  }

  /// Where the attribute stands that the operation refuses.
  private func culprit(
    _ name: OpName, _ attributes: [(name: String, value: AttributeValue)], _ starts: [Int]
  ) -> Int? {
    for (attribute, start) in zip(attributes, starts) {
      do throws(Diagnostic) { _ = try registry.operation(name, attributes: [attribute]) } catch {
        return start
      }
    }
    return nil
  }

  /// The types that are written, which must agree with the inferred ones; and the operation with the
  /// types in its bodies.
  private mutating func typed(
    _ written: any Operation, _ operands: [ValueID?], _ results: [ResultName], at start: Int
  ) throws(Diagnostic) -> (any Operation, [TensorType]) {
    var op = written
    var inferred: [TensorType]
    do throws(Diagnostic) {
      let settled = try graph.settled(written, operands, resultCount: results.count)
      op = settled.op ?? written
      inferred = settled.types
    } catch {
      throw error.at(scanner.place(of: start))
    }
    scanner.skipBlanks()
    guard scanner.accept(":") else {
      guard op is Opaque, !results.isEmpty else { return (op, inferred) }
      throw scanner.error(
        .unknownName, "nothing defines the operation \(op.name): its results need types", at: start,
        hint: nearHint(op.name.description, registry.names.map(\.description)))
    }
    for (index, result) in results.enumerated() {
      if index > 0 {
        scanner.skipBlanks()
        try scanner.expect(",")
      }
      scanner.skipBlanks()
      let typeStart = scanner.position
      if result.name == nil {
        guard scanner.identifier() == "_" else {
          throw scanner.error(.syntax, "an absent result has the type '_'", at: typeStart)
        }
        continue
      }
      let written = try type()
      guard op is Opaque || written.isCompatible(with: inferred[index]) else {
        throw scanner.error(
          .typeMismatch,
          "\(op.name) makes %\(Printer.name(result.name ?? "")) \(inferred[index]), not \(written)",
          at: typeStart)
      }
      inferred[index] = written
    }
    return (op, inferred)
  }

  private struct Suffix {
    var name: String?
    var origins: [String] = []
    var notes: [String: String] = [:]
  }

  /// `name("conv1") from("a", "b") note("key" = "value")`, each at most once.
  private mutating func suffix() throws(Diagnostic) -> Suffix {
    var suffix = Suffix()
    var seen: Set<String> = []
    while true {
      scanner.skipBlanks()
      let start = scanner.position
      guard let word = scanner.identifier() else { return suffix }
      guard seen.insert(word).inserted else {
        throw scanner.error(.syntax, "'\(word)' occurs twice", at: start)
      }
      switch word {
      case "name":
        try scanner.expect("(")
        suffix.name = try scanner.quotedText()
        try scanner.expect(")")
      case "from":
        try scanner.expect("(")
        try list(closing: ")") { parser throws(Diagnostic) in
          suffix.origins.append(try parser.scanner.quotedText())
        }
      case "note": suffix.notes = try notes(opening: "(", closing: ")")
      default:
        throw scanner.error(
          .syntax, "expected the end of the line, found \(quoted(word))", at: start,
          hint: "after the types stand name(…), from(…) and note(…)")
      }
    }
  }
}
