import QATCore
import QATIR

/// Makes a graph of what an ONNX file says.
///
/// Nodes of older opsets are brought to the newest form; an operation that nothing defines becomes an
/// opaque node that keeps its attributes, and whose subgraphs' captured values become operands. Names
/// stay as they are; what the graph has no place for is attached to it, so that it is written back.
public struct Importer {
  private let file: ModelFile
  private let registry: OpRegistry
  private let opset: Int
  private var graph: Graph
  /// Types the file gives for the results of nodes.
  private lazy var declared: [String: TensorType] = Dictionary(
    (file.graph.values + file.graph.outputs).compactMap { value in
      value.type.map { (value.name, $0) }
    }, uniquingKeysWith: { $1 })

  /// Reads a model file.
  /// - Throws: `io`, `malformed-file`, or what an operation says of its node.
  public static func graph(
    contentsOf path: String, registry: OpRegistry = .builtin
  ) throws(Diagnostic) -> Graph {
    let file = try ModelFile(path: path)
    do throws(Diagnostic) { return try graph(of: file, registry: registry) } catch {
      throw error.at(path)
    }
  }

  /// Reads what a model file says.
  /// - Throws: what an operation says of its node.
  public static func graph(
    of file: ModelFile, registry: OpRegistry = .builtin
  ) throws(Diagnostic) -> Graph {
    var importer = try Importer(file, registry)
    return try importer.run()
  }

  private init(_ file: ModelFile, _ registry: OpRegistry) throws(Diagnostic) {
    self.file = file
    self.registry = registry
    opset = file.opsets[""] ?? 1
    graph = Graph(name: file.graph.name.isEmpty ? "model" : file.graph.name)
    graph.reserveCapacity(
      nodes: file.graph.nodes.count,
      values: file.graph.nodes.count + file.graph.initializers.count + file.graph.inputs.count)
    guard opset >= 7 || file.graph.nodes.allSatisfy({ !$0.domain.isEmpty }) else {
      throw Diagnostic(
        .unsupported, "the model is of opset \(opset)",
        hint: "opsets from 7 on are read; convert it first")
    }
    guard opset <= 28 else {
      throw Diagnostic(
        .unsupported, "the model is of opset \(opset)", hint: "opsets up to 28 are read")
    }
    if !file.functions.isEmpty {
      throw Diagnostic(
        .unsupported, "the model has local functions",
        hint: "inline them: onnx.inliner.inline_local_functions")
    }
  }

  private mutating func run() throws(Diagnostic) -> Graph {
    graph.metadata = file.metadata
    attach(file.rest, to: .model)
    attach(file.graph.rest, to: .graph)
    for (name, rest) in file.graph.initializerRests { attach(rest, to: .tensor(name)) }
    try addInitializers()
    for value in file.graph.inputs + file.graph.values + file.graph.outputs {
      attach(value.rest, to: .value(value.name))
    }
    for (index, node) in file.graph.nodes.enumerated() {
      do throws(Diagnostic) { try add(node) } catch {
        let name = node.name.isEmpty ? "graph.node[\(index)]" : "node '\(node.name)'"
        throw error.at("\(name) (\(node.opType))")
      }
    }
    try setOutputs()
    return graph
  }

  private mutating func addInitializers() throws(Diagnostic) {
    let constants = Set(file.graph.initializers.map(\.name))
    // Files of old versions list initializers among the inputs.
    for input in file.graph.inputs where !constants.contains(input.name) {
      guard let type = input.type else {
        throw Diagnostic(.unsupported, "input '\(input.name)' is no tensor", at: "graph.input")
      }
      let id = graph.addInput(input.name, type)
      try define(input.name, id)
    }
    let variables = Set(
      file.metadata[Exporter.variablesKey]?.split(separator: "\n").map(String.init) ?? [])
    graph.metadata[Exporter.variablesKey] = nil
    for (name, tensor) in file.graph.initializers {
      let id =
        variables.contains(name) ? graph.addVariable(name, tensor) : graph.addConstant(name, tensor)
      try define(name, id)
    }
  }

  private mutating func attach(_ rest: Leftovers, to part: Graph.Part) {
    if !rest.isEmpty { graph.attachments[part] = rest.bytes }
  }

  private mutating func addConstant(_ name: String, _ tensor: AnyTensor) throws(Diagnostic) {
    let id = graph.addConstant(name, tensor)
    try define(name, id)
  }

  /// Notes that a name of the file is that of a value: the graph gives a taken name a number.
  private func define(_ name: String, _ id: ValueID) throws(Diagnostic) {
    guard !name.isEmpty, graph[id].name == name else {
      throw Diagnostic(
        .malformedFile, "the name '\(name)' is defined twice",
        hint: "names of values must be unique")
    }
  }

  private func value(_ name: String) throws(Diagnostic) -> ValueID? {
    if name.isEmpty { return nil }
    guard let id = graph.value(named: name) else {
      throw Diagnostic(
        .malformedFile, "'\(name)' is used before anything defines it",
        hint: nameHint(name, among: graph.allValues.prefix(10_000).map { graph[$0].name }))
    }
    return id
  }

  private mutating func add(_ file: NodeFile) throws(Diagnostic) {
    let first = try file.inputs.first.flatMap { name throws(Diagnostic) in try value(name) }
    var node = ImportedNode(
      type: file.opType, inputs: file.inputs, outputs: file.outputs, attributes: file.attributes,
      element: first.map { graph[$0].type.element } ?? .f32,
      shape: first.flatMap { graph[$0].type.shape })
    let name = OpName(domain: file.domain, type: file.opType)
    if name.domain.isEmpty, let history = OpsetHistory.all[file.opType] {
      for change in history.changes where change.version > opset { try change.upgrade(&node) }
    }
    for (name, tensor) in node.constants { try addConstant(name, tensor) }
    for extra in node.before { try add(extra, replacing: nil) }
    let op = try registry.operation(name, attributes: node.attributes)
    if let constant = op as? Constant, let output = file.outputs.first, let tensor = constant.tensor
    {
      try addConstant(output, tensor)
      attach(file.restAsInitializer, to: .tensor(output))
      return
    }
    // An upgrade may put nodes behind: then the node's own result has another name.
    let outputs = node.after.isEmpty ? node.outputs : [node.outputs[0] + ".inner"]
    let id = try insert(op, file, inputs: node.inputs, outputs: outputs)
    for extra in node.after { try add(extra, replacing: graph[id].result) }
  }

  private mutating func insert(
    _ op: any Operation, _ file: NodeFile, inputs: [String], outputs: [String]
  ) throws(Diagnostic) -> NodeID {
    var operands: [ValueID?] = []
    for name in inputs + (op is Opaque ? file.captures : []) { operands.append(try value(name)) }
    while !(op is Opaque), let last = operands.last, last == nil { operands.removeLast() }
    var results: [String?] = outputs.map { $0.isEmpty ? nil : $0 }
    while !(op is Opaque), results.count > 1, let last = results.last, last == nil {
      results.removeLast()
    }
    var types: [TensorType]
    if op is Opaque {
      types = outputs.map { declared[$0] ?? TensorType(.f32, nil) }
    } else {
      types = try graph.inferredTypes(of: op, operands, resultCount: results.count)
    }
    var metadata = file.metadata
    let origins = metadata.removeValue(forKey: Exporter.originsKey) ?? ""
    metadata[Exporter.capturesKey] =
      op is Opaque && !file.captures.isEmpty ? "\(file.captures.count)" : nil
    let id = graph.insertNode(
      op, operands, name: file.name, results: results, types: types,
      origins: origins.split(separator: "\n").map(String.init), metadata: metadata)
    attach(file.rest, to: .node(graph[id].name))
    for (name, result) in zip(outputs, graph[id].results) {
      if let result { try define(name, result) }
    }
    return id
  }

  private mutating func add(_ extra: ImportedNode.ExtraNode, replacing: ValueID?) throws(Diagnostic)
  {
    var operands: [ValueID?] = []
    for name in extra.inputs { operands.append(name.isEmpty ? replacing : try value(name)) }
    let id = try graph.addNode(extra.op, operands, name: "", results: [extra.output])
    try define(extra.output, graph[id].result)
  }

  private mutating func setOutputs() throws(Diagnostic) {
    var outputs: [ValueID] = []
    for output in file.graph.outputs {
      guard let id = try value(output.name) else { continue }
      // A graph gives each output a node of its own, so that passes can replace it.
      outputs.append(id)
    }
    guard !outputs.isEmpty else {
      throw Diagnostic(.malformedFile, "the graph has no outputs", at: "graph.output")
    }
    graph.setOutputs(outputs)
  }
}
