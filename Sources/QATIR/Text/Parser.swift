import QATCore

/// Reads the text form `.qir`: see `Printer` for how it looks.
///
/// Beyond what is printed it takes comments (`// …`), a line break inside parentheses, brackets and
/// braces, and leaves out what inference finds: the result types of an operation that the registry
/// knows. Types that are written are checked against the inferred ones.
public struct Parser: Sendable {
  private let registry: OpRegistry
  private let blobs: any BlobSource

  /// - Parameters:
  ///   - registry: names that it knows become its operations, all others opaque ones.
  ///   - blobs: where contents that the text only refers to come from.
  public init(registry: OpRegistry = .builtin, blobs: any BlobSource = InMemoryBlobs()) {
    self.registry = registry
    self.blobs = blobs
  }

  /// The graph that a text describes. O(n).
  ///
  /// - Parameter fileName: what the places of diagnostics begin with.
  /// - Throws: the first mistake, with its line and column.
  public func graph(from text: String, fileName: String = "text") throws(Diagnostic) -> Graph {
    var parser = GraphParser(
      scanner: TextScanner(text, fileName: fileName), registry: registry, blobs: blobs)
    return try parser.parse()
  }
}

extension Graph {
  /// Reads the text form `.qir`: see `Parser`.
  public init(
    text: String, registry: OpRegistry = .builtin, blobs: any BlobSource = InMemoryBlobs(),
    fileName: String = "text"
  ) throws(Diagnostic) {
    self = try Parser(registry: registry, blobs: blobs).graph(from: text, fileName: fileName)
  }
}

/// One run of the parser.
struct GraphParser {
  var scanner: TextScanner
  let registry: OpRegistry
  let blobs: any BlobSource
  var graph = Graph(name: "")
  /// How many graphs it stands in.
  private let depth: Int

  init(scanner: TextScanner, registry: OpRegistry, blobs: any BlobSource, depth: Int = 0) {
    self.scanner = scanner
    self.registry = registry
    self.blobs = blobs
    self.depth = depth
  }

  mutating func parse() throws(Diagnostic) -> Graph {
    try parseGraph()
    scanner.skipLines()
    guard scanner.isAtEnd else { throw scanner.unexpected("the end of the text") }
    return graph
  }

  /// From the name of the graph's kind to its closing brace.
  private mutating func parseGraph() throws(Diagnostic) {
    let outputs = try header()
    while true {
      scanner.skipLines()
      if scanner.accept("}") { break }
      try statement()
      try scanner.endStatement()
    }
    try setOutputs(outputs)
  }

  /// A graph among the attributes of a node.
  mutating func body() throws(Diagnostic) -> Graph {
    guard depth < Graph.deepestNesting else {
      throw scanner.error(.syntax, "graphs stand in graphs more than \(Graph.deepestNesting) deep")
    }
    var parser = GraphParser(
      scanner: scanner, registry: registry, blobs: blobs, depth: depth + 1)
    try parser.parseGraph()
    scanner = parser.scanner
    return parser.graph
  }

  // MARK: - The signature

  /// `%x: f32[N]` and where it stands.
  private struct Declaration {
    let name: String
    let type: TensorType
    let start: Int
    let typeStart: Int
  }

  /// `graph @name(inputs) -> (outputs) {`; returns the outputs, which no statement has made yet.
  private mutating func header() throws(Diagnostic) -> [Declaration] {
    scanner.skipLines()
    let start = scanner.position
    guard scanner.identifier() == "graph" else {
      throw scanner.error(
        .syntax, "expected 'graph'", at: start, hint: "graph @name(…) -> (…) { … }")
    }
    scanner.skipBlanks()
    try scanner.expect("@")
    graph.name = try scanner.name("the name of the graph")
    scanner.skipBlanks()
    try scanner.expect("(")
    for input in try declarations() {
      try checkIsFree(input.name, at: input.start)
      graph.addInput(input.name, input.type)
    }
    scanner.skipBlanks()
    try scanner.expectArrow()
    scanner.skipBlanks()
    try scanner.expect("(")
    let outputs = try declarations()
    scanner.skipBlanks()
    try scanner.expect("{")
    return outputs
  }

  private mutating func declarations() throws(Diagnostic) -> [Declaration] {
    var result: [Declaration] = []
    try list(closing: ")") { parser throws(Diagnostic) in
      result.append(try parser.declaration())
    }
    return result
  }

  private mutating func declaration() throws(Diagnostic) -> Declaration {
    let start = scanner.position
    let name = try valueName()
    scanner.skipBlanks()
    try scanner.expect(":")
    scanner.skipBlanks()
    let typeStart = scanner.position
    return Declaration(name: name, type: try type(), start: start, typeStart: typeStart)
  }

  private mutating func setOutputs(_ outputs: [Declaration]) throws(Diagnostic) {
    var values: [ValueID] = []
    for output in outputs {
      let value = try value(output.name, at: output.start)
      guard graph[value].type == output.type else {
        throw scanner.error(
          .typeMismatch, "output '\(output.name)' is \(graph[value].type), not \(output.type)",
          at: output.typeStart)
      }
      values.append(value)
    }
    graph.setOutputs(values)
  }

  // MARK: - Statements

  private mutating func statement() throws(Diagnostic) {
    let start = scanner.position
    if scanner.next == UInt8(ascii: "%") { return try node(start, results: try results()) }
    if scanner.isAtQuote { return try node(start, results: []) }
    let word = try scanner.identifier("a statement")
    scanner.skipBlanks()
    switch word {
    case "_": return try node(start, results: try results(afterAbsent: true))
    case "constant" where scanner.next == UInt8(ascii: "%"):
      let (name, tensor) = try parameter()
      graph.addConstant(name, tensor)
    case "variable" where scanner.next == UInt8(ascii: "%"):
      let (name, tensor) = try parameter()
      graph.addVariable(name, tensor)
    case "metadata" where scanner.next == UInt8(ascii: "{"):
      let notes = try notes(opening: "{", closing: "}")
      graph.metadata.merge(notes) { $1 }
    case "attached" where isLetter(scanner.next): try attachment()
    default: try node(start, operation: OpName(word), results: [])
    }
  }

  /// `%w: f32[2] = [1.0, 2.5]`.
  private mutating func parameter() throws(Diagnostic) -> (String, AnyTensor) {
    let declaration = try declaration()
    try checkIsFree(declaration.name, at: declaration.start)
    scanner.skipBlanks()
    try scanner.expect("=")
    scanner.skipBlanks()
    return (declaration.name, try contents(declaration.type, at: declaration.typeStart))
  }

  /// `node "conv1" = hex"32046e6f7465"`.
  private mutating func attachment() throws(Diagnostic) {
    let start = scanner.position
    let word = try scanner.identifier("what it is attached to")
    let parts: [String: (String) -> Graph.Part] = [
      "model": { _ in .model }, "graph": { _ in .graph }, "node": { .node($0) },
      "value": { .value($0) }, "tensor": { .tensor($0) },
    ]
    guard let part = parts[word] else {
      throw scanner.error(
        .syntax, "nothing is attached to a \(quoted(word))", at: start,
        hint: "expected model, graph, node, value or tensor")
    }
    scanner.skipBlanks()
    let name = scanner.isAtQuote ? try scanner.quotedText() : ""
    scanner.skipBlanks()
    try scanner.expect("=")
    scanner.skipBlanks()
    guard scanner.identifier() == "hex" else { throw scanner.unexpected("hex\"…\"") }
    let bytes = try scanner.hexBytes()
    guard graph.attachments.updateValue(bytes, forKey: part(name)) == nil else {
      throw scanner.error(.syntax, "this stands twice", at: start)
    }
  }

  /// `"key" = "value"` pairs, the keys plain or quoted.
  mutating func notes(
    opening: Unicode.Scalar, closing: Unicode.Scalar
  ) throws(Diagnostic) -> [String: String] {
    var notes: [String: String] = [:]
    try scanner.expect(opening)
    try list(closing: closing) { parser throws(Diagnostic) in
      let start = parser.scanner.position
      let key = try parser.scanner.name("a key")
      parser.scanner.skipBlanks()
      try parser.scanner.expect("=")
      parser.scanner.skipBlanks()
      let value = try parser.scanner.quotedText()
      guard notes.updateValue(value, forKey: key) == nil else {
        throw parser.scanner.error(.syntax, "the key '\(key)' occurs twice", at: start)
      }
    }
    return notes
  }

  // MARK: - Values

  private mutating func valueName() throws(Diagnostic) -> String {
    guard scanner.next == UInt8(ascii: "%") else { throw scanner.unexpected("a value (%name)") }
    try scanner.expect("%")
    return try scanner.name("a name after '%'")
  }

  /// `%name`, or `_` for a value that is absent.
  mutating func optionalValueName() throws(Diagnostic) -> String? {
    let start = scanner.position
    guard scanner.next == UInt8(ascii: "_") else { return try valueName() }
    guard scanner.identifier() == "_" else {
      throw scanner.error(.syntax, "expected a value (%name) or '_'", at: start)
    }
    return nil
  }

  func value(_ name: String, at start: Int) throws(Diagnostic) -> ValueID {
    if let value = graph.value(named: name) { return value }
    let known = graph.allValues.map { graph[$0].name }
    throw scanner.error(
      .unknownName, "nothing above defines %\(Printer.name(name))", at: start,
      hint: nearHint(name, known))
  }

  func checkIsFree(_ name: String, at start: Int) throws(Diagnostic) {
    guard graph.value(named: name) == nil else {
      throw scanner.error(.invalidGraph, "%\(Printer.name(name)) is defined twice", at: start)
    }
  }

  /// The nearest names alone: a graph has too many to list.
  func nearHint(_ name: String, _ known: [String]) -> String? {
    nearestNames(to: name, among: known).isEmpty ? nil : nameHint(name, among: known)
  }

  /// Elements between commas, after the opening and with the closing bracket.
  mutating func list(
    closing: Unicode.Scalar, _ element: (inout Self) throws(Diagnostic) -> Void
  ) throws(Diagnostic) {
    scanner.skipLines()
    if scanner.accept(closing) { return }
    while true {
      try element(&self)
      scanner.skipLines()
      if scanner.accept(closing) { return }
      guard scanner.accept(",") else { throw scanner.unexpected("',' or '\(closing)'") }
      scanner.skipLines()
    }
  }
}
