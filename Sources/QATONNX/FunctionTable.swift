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
    addNames(of: file.graph)
    budget += 16 * Self.nodeCost * file.graph.nodes.count
  }

  private func addNames(of graph: GraphFile) {
    names.formUnion(graph.inputs.map(\.name))
    names.formUnion(graph.initializers.map(\.name))
    for node in graph.nodes {
      names.formUnion(node.outputs)
      for (_, body) in node.subgraphs { addNames(of: body) }
    }
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
    var inlined = InlinedCall(function, call, prefix: freePrefix(for: call, function))
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

  /// What the names inside a call begin with, so that none of them is there already.
  private func freePrefix(for call: NodeFile, _ function: FunctionFile) -> String {
    let base = call.name.isEmpty ? call.outputs.first { !$0.isEmpty } ?? call.opType : call.name
    let inner = function.nodes.flatMap(\.outputs)
    var prefix = base + "/"
    var number = 1
    while inner.contains(where: { names.contains(prefix + $0) }) {
      prefix = "\(base).\(number)/"
      number += 1
    }
    return prefix
  }
}
