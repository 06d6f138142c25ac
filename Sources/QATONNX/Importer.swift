import QATCore
import QATIR

/// Makes a graph of what an ONNX file says.
///
/// Nodes of older opsets are brought to the newest form; calls of model-local functions are replaced by
/// their nodes; an operation that nothing defines becomes an opaque node that keeps its attributes, and
/// whose subgraphs' captured values become operands. Names stay as they are; what the graph has no
/// place for is attached to it, so that it is written back.
public struct Importer {
  private let file: GraphFile
  let context: Context
  private(set) var graph: Graph
  /// Types the file gives for the results of nodes.
  private lazy var declared: [String: TensorType] = Dictionary(
    (file.values + file.outputs).compactMap { value in value.type.map { (value.name, $0) } },
    uniquingKeysWith: { $1 })

  /// What holds for the whole file.
  struct Context {
    let registry: OpRegistry
    let opset: Int
    let functions: FunctionTable
    /// How many graphs this one stands in.
    var depth = 0
  }

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
    let opset = file.opsets[""] ?? 1
    let isStandard = file.graph.nodes.contains { $0.domain.isEmpty }
    if isStandard, file.opsets[""] == nil, file.irVersion >= 3 {
      throw Diagnostic(.malformedFile, "the model does not say its opset", at: "opset_import")
    }
    guard (1...28).contains(opset) else {
      throw Diagnostic(
        .unsupported, "the model is of opset \(opset)", hint: "opsets from 1 to 28 are read")
    }
    var importer = Importer(
      file.graph,
      Context(registry: registry, opset: opset, functions: try FunctionTable(file)))
    importer.graph.metadata = file.metadata
    importer.attach(file.rest, to: .model)
    try importer.addInputs()
    return try importer.run()
  }

  init(_ file: GraphFile, _ context: Context) {
    self.file = file
    self.context = context
    graph = Graph(name: file.name.isEmpty ? "model" : file.name)
    graph.reserveCapacity(
      nodes: file.nodes.count,
      values: file.nodes.count + file.initializers.count + file.inputs.count)
  }

  /// The graph that the file describes; inputs have been added before.
  mutating func run() throws(Diagnostic) -> Graph {
    attach(file.rest, to: .graph)
    for (name, rest) in file.initializerRests { attach(rest, to: .tensor(name)) }
    try addInitializers()
    for value in file.inputs + file.values + file.outputs {
      attach(value.rest, to: .value(value.name))
    }
    for (index, node) in file.nodes.enumerated() {
      do throws(Diagnostic) { try add(node) } catch {
        let name = node.name.isEmpty ? "graph.node[\(index)]" : "node '\(node.name)'"
        throw error.at("\(name) (\(node.opType))")
      }
    }
    try setOutputs()
    return graph
  }

  private mutating func addInputs() throws(Diagnostic) {
    let constants = Set(file.initializers.map(\.name))
    // Files of old versions list initializers among the inputs.
    for input in file.inputs where !constants.contains(input.name) {
      guard let type = input.type else {
        throw Diagnostic(.unsupported, "input '\(input.name)' is no tensor", at: "graph.input")
      }
      try addInput(input.name, named(type, input.name))
    }
  }

  /// Sizes of an input that the file leaves open get names, by which types tell where they come back.
  private func named(_ type: TensorType, _ input: String) -> TensorType {
    guard let shape = type.shape else { return type }
    let dimensions = shape.dimensions.enumerated().map { axis, dimension in
      dimension.isUnknown ? Dimension(symbol: "\(input).\(axis)") : dimension
    }
    return TensorType(type.element, Shape(dimensions))
  }

  mutating func addInput(_ name: String, _ type: TensorType) throws(Diagnostic) {
    let id = graph.addInput(name, type)
    try define(name, id)
  }

  private mutating func addInitializers() throws(Diagnostic) {
    let variables = Set(
      graph.metadata[Exporter.variablesKey]?.split(separator: "\n").map(String.init) ?? [])
    graph.metadata[Exporter.variablesKey] = nil
    for (name, tensor) in file.initializers {
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

  func value(_ name: String) throws(Diagnostic) -> ValueID? {
    if name.isEmpty { return nil }
    guard let id = graph.value(named: name) else {
      throw Diagnostic(
        .malformedFile, "'\(name)' is used before anything defines it",
        hint: nameHint(name, among: graph.allValues.prefix(10_000).map { graph[$0].name }))
    }
    return id
  }

  private mutating func add(_ file: NodeFile) throws(Diagnostic) {
    if let function = context.functions.function(of: file) {
      return try add(function, calledBy: file)
    }
    var file = file
    var name = OpName(domain: normalizedDomain(file.domain), type: file.opType)
    let opset = file.opset ?? context.opset
    if name == Scan.name, opset < 9 { file = file.scanOfSequences }
    if let bodies = try bodies(of: file, name) { file = bodies }
    var types: [TensorType?] = []
    for name in file.inputs { types.append(try value(name).map { graph[$0].type }) }
    var node = ImportedNode(
      type: file.opType, inputs: file.inputs, outputs: file.outputs, attributes: file.attributes,
      types: types)
    if name.domain.isEmpty {
      try upgrade(&node, from: opset)
      name = OpName(domain: "", type: node.type)
    }
    for (name, tensor) in node.constants { try addConstant(name, tensor) }
    for extra in node.before { try add(extra, replacing: nil) }
    let op = try context.registry.operation(name, attributes: node.attributes)
    if let constant = op as? Constant, let output = file.outputs.first, let tensor = constant.tensor
    {
      try addConstant(output, tensor)
      attach(file.restAsInitializer, to: .tensor(output))
      return
    }
    // Nodes that an upgrade puts behind may give the result: then the node's own has another name.
    var outputs = node.outputs
    if node.after.contains(where: { $0.output == outputs[0] }) {
      outputs = [outputs[0] + ".inner"]
    }
    let id = try insert(op, file, inputs: node.inputs, outputs: outputs)
    for extra in node.after { try add(extra, replacing: graph[id].result) }
  }

  /// Adds the nodes of a function in place of a call.
  private mutating func add(
    _ function: FunctionFile, calledBy file: NodeFile
  ) throws(Diagnostic) {
    let (nodes, values) = try context.functions.enter(function, for: file)
    defer { context.functions.leave() }
    for value in values where declared[value.name] == nil { declared[value.name] = value.type }
    for node in nodes {
      do throws(Diagnostic) { try add(node) } catch {
        throw error.at("\(node.opType) of function \(function.key.name)")
      }
    }
  }

  /// Brings a node to the newest form of its operation, which may have another name.
  private func upgrade(
    _ node: inout ImportedNode, from opset: Int
  ) throws(Diagnostic) {
    for change in OpsetHistory.everywhere where change.version > opset { try change.upgrade(&node) }
    var version = opset, isRenamed: Bool
    repeat {
      let type = node.type
      isRenamed = false
      for change in OpsetHistory.all[type]?.changes ?? [] where change.version > version {
        try change.upgrade(&node)
        guard node.type != type else { continue }
        (version, isRenamed) = (change.version, true)
        break
      }
    } while isRenamed
  }

  private mutating func insert(
    _ op: any Operation, _ file: NodeFile, inputs: [String], outputs: [String]
  ) throws(Diagnostic) -> NodeID {
    var operands: [ValueID?] = []
    for name in inputs { operands.append(try value(name)) }
    let isOpaque = op is Opaque, runsBodies = op.controlFlow != nil
    if runsBodies {
      // What bodies take from outside stands behind the optional operands.
      let places = type(of: op).operands.filter { $0.presence != .variadic }.count
      while operands.count < places { operands.append(nil) }
    }
    if isOpaque || runsBodies {
      for name in file.captures { operands.append(try value(name)) }
    }
    var results: [String?] = outputs.map { $0.isEmpty ? nil : $0 }
    var op = op
    var types: [TensorType]
    if isOpaque {
      types = outputs.map { declared[$0] ?? TensorType(.f32, nil) }
    } else {
      while let last = operands.last, last == nil { operands.removeLast() }
      while results.count > 1, let last = results.last, last == nil { results.removeLast() }
      let settled = try graph.settled(op, operands, resultCount: results.count)
      (op, types) = (settled.op ?? op, settled.types)
    }
    var metadata = file.metadata
    let origins = metadata.removeValue(forKey: Exporter.originsKey) ?? ""
    metadata[Exporter.capturesKey] = nil
    if isOpaque, !file.captures.isEmpty {
      guard file.opset == nil else {
        throw Diagnostic(
          .unsupported, "\(op.name) has a body, stands in a function and is not known")
      }
      metadata[Exporter.capturesKey] = "\(file.captures.count)"
    }
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
    for output in file.outputs {
      guard let id = try value(output.name) else { continue }
      // What inference can't tell, the file may: every output has a shape in ONNX.
      if let type = output.type, graph[id].type.shape == nil, graph[id].type.element == type.element
      {
        graph.setType(of: id, to: type)
      }
      // A graph gives each output a node of its own, so that passes can replace it.
      outputs.append(id)
    }
    guard !outputs.isEmpty else {
      throw Diagnostic(.malformedFile, "the graph has no outputs", at: "graph.output")
    }
    graph.setOutputs(outputs)
  }
}
