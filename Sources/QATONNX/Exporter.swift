import QATCore
import QATIR

/// Writes a graph as an ONNX file, in the lowest opset from 13 on that holds it.
public enum Exporter {
  /// Metadata that only a graph of ours has: which initializers are variables, where nodes came from,
  /// how many operands of an opaque node its subgraphs capture.
  static let variablesKey = "qat.variables", originsKey = "qat.origins",
    capturesKey = "qat.captures"

  /// - Throws: `io`; `unsupported` for what no file holds (a value of unknown shape is fine).
  public static func write(
    _ graph: Graph, to path: String, externalData: ExternalData = .whenNeeded
  ) throws(Diagnostic) {
    try file(of: graph).write(to: path, externalData: externalData)
  }

  /// What a file of the graph says.
  /// - Throws: `unsupported` for what no opset that runtimes take can say.
  public static func file(of graph: Graph) throws(Diagnostic) -> ModelFile {
    var file = ModelFile()
    file.producerName = "swift-qat"
    file.rest = rest(.model, in: graph)
    file.graph.name = graph.name
    file.metadata = graph.metadata
    let opset = try opset(of: graph)
    file.opsets = ["": opset]
    file.irVersion = irVersion(ofOpset: opset)
    for id in graph.nodes where !graph[id].op.name.domain.isEmpty {
      file.opsets[graph[id].op.name.domain] = 1
    }
    let parameters = graph.orderedParameters
    let variables = parameters.filter { graph[$0].variable != nil }.map { graph[$0].name }
    if !variables.isEmpty { file.metadata[variablesKey] = variables.joined(separator: "\n") }
    file.graph.rest = rest(.graph, in: graph)
    file.graph.dropAnnotations { graph.value(named: $0) == nil }
    file.graph.inputs = graph.inputs.map { value($0, in: graph) }
    file.graph.outputs = graph.outputs.map { value($0, in: graph) }
    file.graph.initializers = parameters.compactMap { id in
      graph[id].parameter.map { (graph[id].name, $0) }
    }
    for (name, _) in file.graph.initializers {
      let rest = rest(.tensor(name), in: graph)
      if !rest.isEmpty { file.graph.initializerRests[name] = rest }
    }
    let outputs = Set(graph.outputs)
    for id in graph.nodes {
      file.graph.nodes.append(try node(id, in: graph))
      for case .some(let result) in graph[id].results where !outputs.contains(result) {
        let value = value(result, in: graph)
        if value.type != nil || !value.rest.isEmpty { file.graph.values.append(value) }
      }
    }
    for id in parameters
    where graph.attachments[.value(graph[id].name)] != nil {
      file.graph.values.append(value(id, in: graph))
    }
    return file
  }

  private static func node(_ id: NodeID, in graph: Graph) throws(Diagnostic) -> NodeFile {
    let node = graph[id]
    var file = NodeFile()
    file.name = node.name
    file.opType = node.op.name.type
    file.domain = node.op.name.domain
    file.metadata = node.metadata
    let captures = file.metadata.removeValue(forKey: capturesKey).flatMap { Int($0) } ?? 0
    guard (0...node.operands.count).contains(captures) else {
      throw Diagnostic(
        .invalidGraph, "\(captures) of \(node.operands.count) operands are said to be captured",
        at: "node '\(node.name)' (\(node.op.name))", hint: "remove the note \(capturesKey)")
    }
    file.inputs = node.operands.dropLast(captures).map { $0.map { graph[$0].name } ?? "" }
    file.outputs = node.results.map { $0.map { graph[$0].name } ?? "" }
    file.attributes = node.op.attributeValues
    file.rest = rest(.node(node.name), in: graph)
    if !node.origins.isEmpty { file.metadata[originsKey] = node.origins.joined(separator: "\n") }
    return file
  }

  private static func value(_ id: ValueID, in graph: Graph) -> ValueFile {
    var type: TensorType? = graph[id].type
    // The type of an unknown operation's result where the file gave none: it may be no tensor at all.
    if type == TensorType(.f32, nil), graph.operation(Opaque.self, of: id) != nil { type = nil }
    var value = ValueFile(graph[id].name, type)
    value.rest = rest(.value(value.name), in: graph)
    return value
  }

  private static func rest(_ part: Graph.Part, in graph: Graph) -> Leftovers {
    Leftovers(bytes: graph.attachments[part] ?? [])
  }

  /// The lowest opset from 13 on in which every operation exists as the graph has it.
  private static func opset(of graph: Graph) throws(Diagnostic) -> Int {
    var result = 13
    for id in graph.nodes where graph[id].op.name.domain.isEmpty {
      guard let history = OpsetHistory.all[graph[id].op.name.type] else { continue }
      result = max(result, history.needed(graph[id], graph))
    }
    return result
  }

  /// The version of the file format that came with an opset.
  private static func irVersion(ofOpset opset: Int) -> Int {
    switch opset {
    case ...14: 7
    case 15...18: 8
    case 19...20: 9
    case 21...22: 10
    case 23: 11
    case 24: 12
    default: 13
    }
  }
}
