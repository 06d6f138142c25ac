import QATCore
import QATIR

/// The graph or a body as it stands in a file, where names reach into the bodies.
struct ExportedScope {
  private let graph: Graph
  /// The names of values in the file: a body calls what it captures as the graph outside does, and
  /// nothing else by a name that is known outside.
  private let names: [ValueID: String]
  /// All names that bodies see.
  private let known: Set<String>
  /// How many of the inputs are captured.
  private let captures: Int
  private let isBody: Bool
  /// Of the file: what came later is written as it was.
  private let opset: Int

  /// The main graph.
  init(_ graph: Graph, opset: Int) {
    self.graph = graph
    self.opset = opset
    names = [:]
    captures = 0
    isBody = false
    let hasBodies = graph.nodes.contains { graph[$0].op.controlFlow != nil }
    known = hasBodies ? Set(graph.allValues.map { graph[$0].name }) : []
  }

  /// A body that captures values of these names, inside a scope.
  init(_ body: Graph, capturing captured: [String], inside outer: ExportedScope) {
    graph = body
    captures = captured.count
    isBody = true
    opset = outer.opset
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
  /// Of a value that may be absent.
  private func name(_ id: ValueID?) -> String {
    if let id { name(id) } else { "" }
  }

  var file: GraphFile {
    var file = GraphFile()
    file.name = graph.name
    file.rest = graph.rest(.graph)
    let gone = Set(names.map { graph[$0.key].name }).subtracting(names.values)
    file.dropAnnotations { graph.value(named: $0) == nil || gone.contains($0) }
    file.inputs = graph.inputs.dropLast(captures).map { value($0) }
    let attributes = writtenAsAttributes
    let parameters = graph.orderedParameters.filter { !attributes.contains($0) }
    for id in parameters {
      guard let tensor = graph[id].parameter else { continue }
      file.initializers.append((name(id), tensor))
      let rest = graph.rest(.tensor(graph[id].name))
      if !rest.isEmpty { file.initializerRests[name(id)] = rest }
    }
    let outputs = Set(graph.outputs)
    for id in graph.nodes {
      file.nodes.append(node(id))
      for case .some(let result) in graph[id].results where !outputs.contains(result) {
        var value = value(result)
        // ONNX's checker takes no type without a shape.
        if value.type?.shape == nil { value.type = nil }
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
    let flow = node.op.controlFlow
    let captures =
      flow?.captures ?? file.metadata.removeValue(forKey: Exporter.capturesKey).flatMap { Int($0) }
      ?? 0
    file.inputs = node.operands.dropLast(captures).map { name($0) }
    file.outputs = node.results.map { name($0) }
    for (name, input, integers) in attributes(of: node) {
      file.inputs[input] = ""
      file.attributes.append((name, .ints(integers)))
    }
    while flow == nil, file.inputs.last == "", node.operands.last != .some(nil) {
      file.inputs.removeLast()
    }
    if flow != nil {
      while file.inputs.last == "" { file.inputs.removeLast() }
      let captured = node.operands.suffix(captures).map { name($0) }
      file.attributes.removeAll { $0.name == "captures" }
      for (name, value) in file.attributes {
        guard case .graph(let body) = value else { continue }
        file.subgraphs.append((name, ExportedScope(body, capturing: captured, inside: self).file))
      }
    }
    file.rest = graph.rest(.node(node.name))
    if !node.origins.isEmpty {
      file.metadata[Exporter.originsKey] = node.origins.joined(separator: "\n")
    }
    return file
  }

  /// Operands that are attributes in this opset.
  private func attributes(of node: Node) -> [(name: String, input: Int, integers: [Int])] {
    guard node.op.name.domain.isEmpty else { return [] }
    return OpsetHistory.all[node.op.name.type]?.attributes(of: node, graph, opset: opset) ?? []
  }

  /// Constants that are attributes wherever they are read.
  private var writtenAsAttributes: Set<ValueID> {
    var reads: [ValueID: Int] = [:]
    for id in graph.nodes {
      for (_, input, _) in attributes(of: graph[id]) {
        if let operand = graph[id].operands[input] { reads[operand, default: 0] += 1 }
      }
    }
    return Set(
      reads.filter { graph.users(of: $0.key).count == $0.value && !graph.isOutput($0.key) }.keys)
  }

  private func value(_ id: ValueID) -> ValueFile {
    var type: TensorType? = graph[id].type
    // The type of an unknown operation's result where the file gave none: it may be no tensor at all.
    if type == TensorType(.f32, nil), graph.operation(Opaque.self, of: id) != nil { type = nil }
    var value = ValueFile(name(id), type)
    value.rest = graph.rest(.value(graph[id].name))
    return value
  }
}

extension Graph {
  /// What a file said of a part beyond the graph.
  func rest(_ part: Part) -> Leftovers { Leftovers(bytes: attachments[part] ?? []) }
}
