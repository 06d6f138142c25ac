import QATCore
import QATIR

/// One call: which names and values the nodes of the function have there.
struct InlinedCall {
  private let prefix: String
  private let opset: Int
  private var attributes: [String: AttributeValue]
  private var graphs: [String: GraphFile] = [:]
  private var renamed: [String: String] = ["": ""]

  init(_ function: FunctionFile, _ call: NodeFile, prefix: String) {
    self.prefix = prefix
    opset = function.opsets[""] ?? 1
    attributes = function.defaults
    for (name, value) in call.attributes { attributes[name] = value }
    for (name, graph) in call.subgraphs { graphs[name] = graph }
    for (index, name) in function.inputs.enumerated() {
      renamed[name] = index < call.inputs.count ? call.inputs[index] : ""
    }
    for (index, name) in function.outputs.enumerated() where index < call.outputs.count {
      // A result that nobody asks for may still be read inside.
      if !call.outputs[index].isEmpty { renamed[name] = call.outputs[index] }
    }
  }

  /// What a name of the function is outside.
  mutating func name(_ name: String) -> String {
    if let known = renamed[name] { return known }
    let outside = prefix + name
    renamed[name] = outside
    return outside
  }

  mutating func node(_ node: NodeFile) -> NodeFile {
    var result = node
    result.name = node.name.isEmpty ? "" : prefix + node.name
    result.opset = opset
    result.inputs = []
    result.outputs = []
    for input in node.inputs { result.inputs.append(name(input)) }
    for output in node.outputs { result.outputs.append(name(output)) }
    var captures: [String] = []
    for name in node.captures { captures.append(self.name(name)) }
    result.captures = captures.filter { !$0.isEmpty }
    result.subgraphs = []
    for (name, graph) in node.subgraphs { result.subgraphs.append((name, self.graph(graph))) }
    // Attributes that are the caller's.
    let references = Dictionary(node.references.map { ($0.name, $0.callers) }) { first, _ in first }
    result.references = []
    result.attributes = node.attributes.compactMap { name, value in
      guard let callers = references[name] else { return (name, value) }
      if let graph = graphs[callers] {
        result.subgraphs.append((name, graph))
        result.captures += graph.freeNames
      }
      return attributes[callers].map { (name, $0) }
    }
    return result
  }

  /// Types of values of the function, under the names that they have here.
  mutating func values(_ files: [ValueFile]) -> [ValueFile] {
    var result = files
    for index in files.indices { result[index].name = name(files[index].name) }
    return result
  }

  private mutating func graph(_ graph: GraphFile) -> GraphFile {
    var result = graph
    for index in graph.nodes.indices { result.nodes[index] = node(graph.nodes[index]) }
    result.inputs = values(graph.inputs)
    result.outputs = values(graph.outputs)
    result.values = values(graph.values)
    result.initializerRests = [:]
    for index in graph.initializers.indices {
      let old = graph.initializers[index].name
      result.initializers[index].name = name(old)
      result.initializerRests[name(old)] = graph.initializerRests[old]
    }
    return result
  }
}
