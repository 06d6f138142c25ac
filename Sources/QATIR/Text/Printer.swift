import QATCore

/// Writes a graph in the text form `.qir`, from which `Parser` makes an equal graph.
///
///     graph @lenet(%image: f32[N,1,28,28]) -> (%logits: f32[N,10]) {
///       metadata {producer = "trainer"}
///       variable %conv1.weight: f32[32,1,3,3] = blob("lenet.blob", 0)
///       constant %scale: f32[2] = [1.0, 2.5]
///       %y = Conv(%image, %conv1.weight, _) {pads = [1, 1, 1, 1]} : f32[N,32,28,28] name("conv1")
///       %a, _ = Split(%y) {axis = 1} : f32[N,16,28,28], _ from("split_3") note("rule" = "all")
///       qat.Assign(%conv1.weight, %next) name("update")
///       attached node "conv1" = hex"32046e6f7465"
///     }
///
/// One statement a line. `_` is an operand or a result that is absent. A node's name stands there
/// where it differs from its first result's, `from` lists its origins, `note` its metadata; `attached`
/// is what a file said of the model, the graph, a node, a value or a tensor beyond that. Constants
/// and variables come in the order of their first use, then those that no node reads, by name: the
/// text says nothing about how the graph was made. Names are quoted where they are no plain
/// identifiers, and bytes that no element can say (a boolean of 2) are written `hex"02"`. The body of
/// an operation of control flow stands among its attributes, two columns further in:
///
///       %y = If(%c, %x) {captures = 1, then_branch = graph @then(%x: f32[2]) -> (%x: f32[2]) {
///       }, else_branch = graph @else(%x: f32[2]) -> (%y: f32[2]) {
///         %y = Neg(%x) : f32[2]
///       }} : f32[2]
public struct Printer {
  /// Up to this many elements of a tensor always stand in the text.
  public static let inlineLimit = 16

  private let blobs: BlobMode
  /// Names are those of the body, by which no other place knows its contents.
  private var isBody = false

  /// A printer that puts large contents where the mode says.
  public init(blobs: BlobMode = .inline) { self.blobs = blobs }

  /// A whole graph, with a line a node.
  public func text(of graph: Graph) -> String {
    var text = "graph @\(Self.name(graph.name))(\(declarations(graph.inputs, of: graph)))"
    text += " -> (\(declarations(graph.outputs, of: graph))) {\n"
    if !graph.metadata.isEmpty {
      let notes = graph.metadata.sorted { $0.key < $1.key }
      text +=
        "  metadata {\(notes.map { "\(Self.name($0)) = \(quoted($1))" }.joined(separator: ", "))}\n"
    }
    for id in graph.orderedParameters {
      guard let tensor = graph[id].parameter else { continue }
      text += graph[id].variable == nil ? "  constant " : "  variable "
      let name = isBody ? nil : graph[id].name
      text += "\(declaration(id, of: graph)) = \(contents(tensor, of: name))\n"
    }
    for id in graph.nodes { append(graph[id], of: graph, to: &text) }
    for (part, bytes) in graph.livingAttachments {
      text += "  attached \(Self.text(of: part)) = hex\"\(hexText(bytes))\"\n"
    }
    return text + "}\n"
  }

  /// The text of one node, without its line's indentation and end: for messages and listings.
  public func text(of id: NodeID, in graph: Graph) -> String {
    var text = ""
    append(graph[id], of: graph, to: &text)
    return String(text.dropFirst(2).dropLast())
  }

  // MARK: - Statements

  private func append(_ node: Node, of graph: Graph, to text: inout String) {
    text += "  "
    if !node.results.isEmpty {
      text += node.results.map { reference($0, in: graph) }.joined(separator: ", ") + " = "
    }
    text += Self.operationName(node.op.name) + "("
    text += node.operands.map { reference($0, in: graph) }.joined(separator: ", ") + ")"
    let attributes = node.op.attributeValues
    if !attributes.isEmpty {
      let list = attributes.map { "\(Self.name($0.name)) = \(attribute($0.value))" }
      text += " {\(list.joined(separator: ", "))}"
    }
    if !node.results.isEmpty {
      let types = node.results.map { $0.map { graph[$0].type.description } ?? "_" }
      text += " : " + types.joined(separator: ", ")
    }
    let first = node.results.compactMap { $0 }.first
    if first.map({ graph[$0].name }) != node.name { text += " name(\(quoted(node.name)))" }
    if !node.origins.isEmpty {
      text += " from(\(node.origins.map(quoted).joined(separator: ", ")))"
    }
    if !node.metadata.isEmpty {
      let notes = node.metadata.sorted { $0.key < $1.key }
      text += " note(\(notes.map { "\(quoted($0)) = \(quoted($1))" }.joined(separator: ", ")))"
    }
    text += "\n"
  }

  private static func text(of part: Graph.Part) -> String {
    switch part {
    case .model: "model"
    case .graph: "graph"
    case .node(let name): "node \(quoted(name))"
    case .value(let name): "value \(quoted(name))"
    case .tensor(let name): "tensor \(quoted(name))"
    }
  }

  // MARK: - Names and types

  private func declarations(_ values: [ValueID], of graph: Graph) -> String {
    values.map { declaration($0, of: graph) }.joined(separator: ", ")
  }

  private func declaration(_ value: ValueID, of graph: Graph) -> String {
    "\(reference(value, in: graph)): \(graph[value].type)"
  }

  private func reference(_ value: ValueID?, in graph: Graph) -> String {
    value.map { "%" + Self.name(graph[$0].name) } ?? "_"
  }

  static func name(_ name: String) -> String { isPlainIdentifier(name) ? name : quoted(name) }

  /// `Conv`, `qat.FakeQuantize`; with quotes (`"my domain"."constant"`) where that would read as
  /// something else.
  static func operationName(_ name: OpName) -> String {
    let text = name.description
    let isPlain = isPlainIdentifier(text) && !reservedNames.contains(text) && OpName(text) == name
    return isPlain ? text : "\(quoted(name.domain)).\(quoted(name.type))"
  }

  private static let reservedNames: Set = ["constant", "variable", "metadata", "_"]

  // MARK: - Attributes and contents

  func attribute(_ value: AttributeValue) -> String {
    switch value {
    case .int(let value): String(value)
    case .float(let value): floatText(value)
    case .string(let value): Self.word(value)
    case .ints(let list): Self.list("ints", list.map(String.init))
    case .floats(let list): Self.list("floats", list.map(floatText))
    case .strings(let list): Self.list("strings", list.map(Self.word))
    case .tensor(let tensor): "dense \(tensor.type) \(contents(tensor))"
    case .graph(let graph): body(graph)
    case .raw(let bytes): "raw\"\(hexText(bytes))\""
    }
  }

  /// A graph among the attributes of a node: all lines but the first two columns further in.
  private func body(_ graph: Graph) -> String {
    var printer = self
    printer.isBody = true
    let lines = printer.text(of: graph).dropLast().split(
      separator: "\n", omittingEmptySubsequences: false)
    return lines.joined(separator: "\n  ")
  }

  /// A string, bare where it can't be taken for a number or a keyword.
  private static func word(_ text: String) -> String {
    guard let first = text.utf8.first, isLetter(first), isPlainIdentifier(text),
      !AttributeKeyword.all.contains(text)
    else { return quoted(text) }
    return text
  }

  /// An empty list says of what.
  private static func list(_ kind: String, _ elements: [String]) -> String {
    elements.isEmpty ? "\(kind) []" : "[\(elements.joined(separator: ", "))]"
  }

  /// - Parameter name: that of the constant or variable.
  private func contents(_ tensor: AnyTensor, of name: String? = nil) -> String {
    guard tensor.elementCount > Self.inlineLimit else { return Self.elements(tensor) }
    switch blobs {
    case .inline: return Self.elements(tensor)
    case .byName:
      return name.map { "blob(\(quoted($0)), 0)" } ?? Self.elements(tensor)
    case .sideFile(let writer):
      return "blob(\(quoted(writer.fileName)), \(writer.append(tensor.storage)))"
    case .elided:
      let numbers = tensor.doubles ?? []
      let range = numbers.min().flatMap { low in numbers.max().map { ", \(low)...\($0)" } } ?? ""
      return "dense<\(tensor.elementCount) elements\(range)>"
    }
  }

  private static func elements(_ tensor: AnyTensor) -> String {
    guard tensor.element != .string else { return "[]" }
    let patterns = ElementPatterns(tensor)
    var text: [String] = []
    var packed = ElementPatterns(tensor.element)
    for index in 0..<tensor.elementCount {
      guard let element = patterns.text(index) else { return "hex\"\(hexText(patterns.bytes))\"" }
      text.append(element)
      packed.append(patterns.pattern(index), at: index)
    }
    // Bits that pad the last byte of a packed type are part of the contents.
    guard packed.bytes == patterns.bytes else { return "hex\"\(hexText(patterns.bytes))\"" }
    return "[\(text.joined(separator: ", "))]"
  }
}

/// Words that begin something other than a string among the values of attributes.
enum AttributeKeyword {
  static let all: Set = ["inf", "nan", "dense", "graph", "raw", "ints", "floats", "strings"]
}

func isLetter(_ byte: UInt8) -> Bool {
  (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
}

extension Graph {
  /// The graph in the text form `.qir`: see `Printer`.
  public func text(blobs: BlobMode = .inline) -> String { Printer(blobs: blobs).text(of: self) }
}
