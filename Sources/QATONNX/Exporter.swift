import QATCore
import QATIR

/// Writes a graph as an ONNX file, in the lowest opset from 13 on that holds it.
public enum Exporter {
  /// Metadata that only a graph of ours has: which initializers are variables, where nodes came from,
  /// how many operands of an opaque node its subgraphs capture.
  static let variablesKey = "qat.variables", originsKey = "qat.origins",
    capturesKey = "qat.captures"

  /// - Throws: `io`; `unsupported` for what no file holds (a value of unknown shape is fine).
  public static func write(_ graph: Graph, to path: String) throws(Diagnostic) {
    try file(of: graph).write(to: path)
  }

  /// What a file of the graph says.
  /// - Throws: `unsupported` for what no opset that runtimes take can say.
  public static func file(of graph: Graph) throws(Diagnostic) -> ModelFile {
    var file = ModelFile()
    file.producerName = "swift-qat"
    file.rest = rest(.model, in: graph)
    file.metadata = graph.metadata
    let opset = try opset(of: graph)
    file.opsets = ["": opset]
    file.irVersion = irVersion(ofOpset: opset)
    for domain in domains(of: graph) where !domain.isEmpty { file.opsets[domain] = 1 }
    let variables = graph.orderedParameters.filter { graph[$0].variable != nil }
    if !variables.isEmpty {
      file.metadata[variablesKey] = variables.map { graph[$0].name }.joined(separator: "\n")
    }
    file.graph = Part(graph).file
    return file
  }

  /// The graph or a body as it stands in a file, where names reach into the bodies.
  private struct Part {
    private let graph: Graph
    /// The names of values in the file: a body calls what it captures as the graph outside does, and
    /// nothing else by a name that is known outside.
    private let names: [ValueID: String]
    /// All names that bodies see.
    private let known: Set<String>
    /// How many of the inputs are captured.
    private let captures: Int
    private let isBody: Bool

    /// The main graph.
    init(_ graph: Graph) {
      self.graph = graph
      names = [:]
      captures = 0
      isBody = false
      let hasBodies = graph.nodes.contains { graph[$0].op is any ControlFlow }
      known = hasBodies ? Set(graph.allValues.map { graph[$0].name }) : []
    }

    /// A body that captures values of these names, inside a part.
    init(_ body: Graph, capturing captured: [String], inside outer: Part) {
      graph = body
      captures = captured.count
      isBody = true
      var names = Dictionary(
        uniqueKeysWithValues: zip(body.inputs.suffix(captured.count), captured))
      var known = outer.known.union(body.allValues.map { body[$0].name })
      for id in body.allValues where names[id] == nil && outer.known.contains(body[id].name) {
        var number = 1
        while known.contains("\(body[id].name).\(number)") { number += 1 }
        names[id] = "\(body[id].name).\(number)"
        known.insert("\(body[id].name).\(number)")
      }
      self.names = names
      self.known = known
    }

    private func name(_ id: ValueID) -> String { names[id] ?? graph[id].name }

    var file: GraphFile {
      var file = GraphFile()
      file.name = graph.name
      file.rest = rest(.graph, in: graph)
      let gone = Set(names.keys.map { graph[$0].name })
      file.dropAnnotations { graph.value(named: $0) == nil || gone.contains($0) }
      file.inputs = graph.inputs.dropLast(captures).map { value($0) }
      let parameters = graph.orderedParameters
      for id in parameters {
        guard let tensor = graph[id].parameter else { continue }
        file.initializers.append((name(id), tensor))
        let rest = rest(.tensor(graph[id].name), in: graph)
        if !rest.isEmpty { file.initializerRests[name(id)] = rest }
      }
      let outputs = Set(graph.outputs)
      for id in graph.nodes {
        file.nodes.append(node(id))
        for case .some(let result) in graph[id].results where !outputs.contains(result) {
          let value = value(result)
          if value.type != nil || !value.rest.isEmpty { file.values.append(value) }
        }
      }
      for id in parameters + graph.inputs.suffix(captures)
      where graph.attachments[.value(graph[id].name)] != nil { file.values.append(value(id)) }
      addOutputs(to: &file)
      return file
    }

    /// A body computes all its outputs: what only goes through gets an `Identity`.
    private func addOutputs(to file: inout GraphFile) {
      var seen = Set(graph.inputs.suffix(captures))
      for id in graph.outputs {
        var value = value(id)
        if isBody, !seen.insert(id).inserted {
          var node = NodeFile()
          node.opType = "Identity"
          node.inputs = [value.name]
          var number = 1
          while known.contains("\(value.name).out\(number)")
            || file.outputs.contains(where: { $0.name == "\(value.name).out\(number)" })
          {
            number += 1
          }
          value.name = "\(value.name).out\(number)"
          node.outputs = [value.name]
          file.nodes.append(node)
        }
        file.outputs.append(value)
      }
    }

    private func node(_ id: NodeID) -> NodeFile {
      let node = graph[id]
      var file = NodeFile()
      file.name = node.name
      file.opType = node.op.name.type
      file.domain = node.op.name.domain
      file.metadata = node.metadata
      file.attributes = node.op.attributeValues
      let flow = node.op as? any ControlFlow
      let captures =
        flow?.captures ?? file.metadata.removeValue(forKey: capturesKey).flatMap { Int($0) } ?? 0
      file.inputs = node.operands.dropLast(captures).map { $0.map(name) ?? "" }
      file.outputs = node.results.map { $0.map(name) ?? "" }
      if flow != nil {
        while file.inputs.last == "" { file.inputs.removeLast() }
        let captured = node.operands.suffix(captures).map { $0.map(name) ?? "" }
        file.attributes.removeAll { $0.name == "captures" }
        for (name, value) in file.attributes {
          guard case .graph(let body) = value else { continue }
          file.subgraphs.append((name, Part(body, capturing: captured, inside: self).file))
        }
      }
      file.rest = rest(.node(node.name), in: graph)
      if !node.origins.isEmpty { file.metadata[originsKey] = node.origins.joined(separator: "\n") }
      return file
    }

    private func value(_ id: ValueID) -> ValueFile {
      var type: TensorType? = graph[id].type
      // The type of an unknown operation's result where the file gave none: it may be no tensor at all.
      if type == TensorType(.f32, nil), graph.operation(Opaque.self, of: id) != nil { type = nil }
      var value = ValueFile(name(id), type)
      value.rest = rest(.value(graph[id].name), in: graph)
      return value
    }
  }

  /// The domains of all operations, also of those in bodies.
  private static func domains(of graph: Graph) -> Set<String> {
    var result: Set<String> = []
    for id in graph.nodes {
      result.insert(graph[id].op.name.domain)
      for body in (graph[id].op as? any ControlFlow)?.bodies ?? [] {
        result.formUnion(domains(of: body))
      }
    }
    return result
  }

  private static func rest(_ part: Graph.Part, in graph: Graph) -> Leftovers {
    Leftovers(bytes: graph.attachments[part] ?? [])
  }

  /// The lowest opset from 13 on in which every operation exists as the graph has it.
  private static func opset(of graph: Graph) throws(Diagnostic) -> Int {
    var result = 13
    for id in graph.nodes where graph[id].op.name.domain.isEmpty {
      for body in (graph[id].op as? any ControlFlow)?.bodies ?? [] {
        result = max(result, try opset(of: body))
      }
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
