import QATCore
import QATIR

/// The model-local functions of a file, which calls are replaced by.
///
/// Calls of calls may double a file with every level; what all of them may make together is bounded.
final class FunctionTable {
  /// How deep functions may call functions.
  private static let deepestNesting = 64
  /// What a node that a call makes counts beside its names.
  private static let nodeCost = 1024

  private let functions: [FunctionFile.Key: FunctionFile]
  private var budget = 48 << 20
  /// Names that the file uses, or that calls have made.
  private var names: Set<String> = []
  private var stack: [FunctionFile.Key] = []

  /// - Throws: `malformed-file`.
  init(_ file: ModelFile) throws(Diagnostic) {
    var functions: [FunctionFile.Key: FunctionFile] = [:]
    for (index, bytes) in file.functions.enumerated() {
      do throws(Diagnostic) {
        let function = try FunctionFile(bytes)
        functions[function.key] = function
      } catch { throw error.at("functions[\(index)]") }
    }
    self.functions = functions
    guard !functions.isEmpty else { return }
    names.formUnion(file.graph.inputs.map(\.name))
    names.formUnion(file.graph.initializers.map(\.name))
    for node in file.graph.nodes { names.formUnion(node.outputs) }
    budget += 16 * Self.nodeCost * file.graph.nodes.count
  }

  /// The function that a node calls.
  func function(of node: NodeFile) -> FunctionFile? {
    if functions.isEmpty { return nil }
    return functions[
      .init(domain: normalizedDomain(node.domain), name: node.opType, overload: node.overload)]
  }

  /// The nodes that stand for a call, and the types of values among them. Calls among them are inside
  /// this one until `leave`.
  /// - Throws: `malformed-file` for a function that calls itself, for calls that lie too deep and for
  ///   more nodes than a model of this size warrants.
  func enter(
    _ function: FunctionFile, for call: NodeFile
  ) throws(Diagnostic) -> (nodes: [NodeFile], values: [ValueFile]) {
    let name = function.key.name
    guard !stack.contains(function.key) else {
      throw Diagnostic(.malformedFile, "the function \(name) calls itself")
    }
    guard stack.count < Self.deepestNesting else {
      throw Diagnostic(
        .malformedFile, "functions call functions more than \(Self.deepestNesting) deep")
    }
    guard call.inputs.count <= function.inputs.count, call.outputs.count <= function.outputs.count
    else {
      throw Diagnostic(
        .malformedFile,
        "the call has \(call.inputs.count) inputs and \(call.outputs.count) outputs, the function \(name) \(function.inputs.count) and \(function.outputs.count)"
      )
    }
    var inlined = InlinedCall(function, call, prefix: freePrefix(for: call))
    var nodes: [NodeFile] = []
    for node in function.nodes {
      let node = inlined.node(node)
      budget -= cost(of: node)
      guard budget >= 0 else {
        throw Diagnostic(
          .malformedFile, "calls of functions make more nodes than a model of this size warrants")
      }
      names.formUnion(node.outputs)
      nodes.append(node)
    }
    stack.append(function.key)
    return (nodes, inlined.values(function.values))
  }

  /// The call that was entered last has been added.
  func leave() { stack.removeLast() }

  private func cost(of node: NodeFile) -> Int {
    let names = (node.inputs + node.outputs).reduce(0) { $0 + $1.utf8.count }
    return Self.nodeCost + names
      + node.subgraphs.flatMap(\.graph.nodes).reduce(0) { $0 + cost(of: $1) }
  }

  /// What the names inside a call begin with: nothing else does.
  private func freePrefix(for call: NodeFile) -> String {
    let base = call.name.isEmpty ? call.outputs.first { !$0.isEmpty } ?? call.opType : call.name
    var prefix = base + "/"
    var number = 1
    while !names.insert(prefix).inserted {
      prefix = "\(base).\(number)/"
      number += 1
    }
    return prefix
  }
}

/// One call: which names and values the nodes of the function have there.
private struct InlinedCall {
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
