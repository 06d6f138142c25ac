import QATCore

extension Graph {
  /// The graph as Graphviz draws it: `dot -Tsvg`. Inputs and outputs are ovals, nodes are boxes with
  /// their attributes, arrows carry types; constants and variables stand in the boxes that read them.
  public var dot: String { DotPrinter(self).text }
}

private struct DotPrinter {
  private let graph: Graph
  private let numbers: [NodeID: Int]

  init(_ graph: Graph) {
    self.graph = graph
    let nodes = graph.nodes
    numbers = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($1, $0) })
  }

  var text: String {
    var lines = [
      "digraph \(Self.label([graph.name])) {",
      "  rankdir=TB;",
      "  node [shape=box, style=rounded, fontname=\"sans-serif\", fontsize=11];",
      "  edge [fontname=\"sans-serif\", fontsize=9];",
    ]
    for (index, input) in graph.inputs.enumerated() {
      lines.append("  in\(index) [shape=oval, label=\(Self.label(["%" + graph[input].name]))];")
    }
    for node in graph.nodes { lines += statements(for: node) }
    for (index, output) in graph.outputs.enumerated() {
      lines.append("  out\(index) [shape=oval, label=\(Self.label(["%" + graph[output].name]))];")
      lines += edge(from: output, to: "out\(index)")
    }
    return (lines + ["}", ""]).joined(separator: "\n")
  }

  private func statements(for id: NodeID) -> [String] {
    let node = graph[id]
    let name = "n\(numbers[id] ?? 0)"
    var rows = [node.op.name.description, node.name]
    let printer = Printer(blobs: .elided)
    rows += node.op.attributeValues.map { name, value in
      if case .graph(let body) = value { return "\(name) = @\(body.name)" }
      return "\(name) = \(printer.attribute(value))"
    }
    for case .some(let operand) in node.operands where graph[operand].parameter != nil {
      rows.append("%\(graph[operand].name): \(graph[operand].type)")
    }
    let box = "  \(name) [label=\(Self.label(rows))];"
    return [box] + node.operands.compactMap { $0 }.flatMap { edge(from: $0, to: name) }
  }

  /// None for constants and variables, which the box names.
  private func edge(from value: ValueID, to target: String) -> [String] {
    let type = Self.label([graph[value].type.description])
    if let producer = graph[value].producer {
      return ["  n\(numbers[producer] ?? 0) -> \(target) [label=\(type)];"]
    }
    guard let index = graph.inputs.firstIndex(of: value) else { return [] }
    return ["  in\(index) -> \(target) [label=\(type)];"]
  }

  /// A quoted label of several rows; control characters become spaces.
  private static func label(_ rows: [String]) -> String {
    let escaped = rows.map { row in
      var text = ""
      for scalar in row.unicodeScalars {
        if scalar == "\"" || scalar == "\\" { text += "\\" }
        text.unicodeScalars.append(scalar.value < 0x20 ? " " : scalar)
      }
      return text
    }
    return "\"" + escaped.joined(separator: "\\n") + "\""
  }
}
