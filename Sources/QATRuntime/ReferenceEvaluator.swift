import QATCore
import QATIR

/// Evaluates a graph node by node with the reference evaluations: slow, simple, obviously right.
///
/// For folding constants, for tests, and wherever what a graph means matters more than speed. Sizes
/// in place of symbols come from the inputs; shapes are inferred again from the tensors at hand.
public struct ReferenceEvaluator: Sendable {
  /// What one evaluation computed.
  public struct Outcome: Sendable {
    /// Every value of the graph by its name: inputs, constants, variables as read, results.
    public let values: [String: AnyTensor]
    /// The graph's outputs, in order.
    public let outputs: [AnyTensor]
    /// The new contents of the variables that a `qat.Assign` names.
    public let variables: [String: AnyTensor]
  }

  /// What is evaluated.
  public let graph: Graph

  /// An evaluator of a graph; nothing is prepared.
  public init(_ graph: Graph) { self.graph = graph }

  /// Evaluates all nodes in order.
  ///
  /// - Parameters:
  ///   - inputs: a tensor for each input of the graph, by its name.
  ///   - variables: contents to read instead of those the graph holds; the types must agree.
  ///   - known: values, by name, that nodes read in place of what was computed, where the type is the
  ///     same. The outcome holds what was computed: each node's own share in a difference.
  /// - Throws: `invalid-data` for an input that is missing, not known or of another type;
  ///   `unsupported`, naming operation and protocol, for a node that can't be evaluated; what the
  ///   operation itself throws.
  public func evaluate(
    _ inputs: [String: AnyTensor], variables: [String: AnyTensor] = [:],
    readingInstead known: [String: AnyTensor] = [:]
  ) throws(Diagnostic) -> Outcome {
    let bound = try boundValues(inputs, variables)
    var tensors = bound
    var computed = bound
    func read(_ id: ValueID, _ tensor: AnyTensor) -> AnyTensor {
      guard let other = known[graph[id].name], other.type == tensor.type else { return tensor }
      return other
    }
    if !known.isEmpty { for (id, tensor) in bound { tensors[id] = read(id, tensor) } }
    var updates: [String: AnyTensor] = [:]
    for id in graph.nodes {
      let node = graph[id]
      let operands = node.operands.map { operand in operand.map { tensors[$0]! } }
      if node.op.name == Self.assign {
        guard operands.count == 2, let variable = node.operands[0], let value = operands[1] else {
          throw Diagnostic(.invalidOperand, "\(node.op.name) needs a variable and a value")
            .at("node '\(node.name)'")
        }
        updates[graph[variable].name] = value
        continue
      }
      do throws(Diagnostic) {
        let results = try Self.evaluate(node.op, operands, resultCount: node.results.count)
        for (result, tensor) in zip(node.results, results) {
          guard let result else { continue }
          computed[result] = tensor
          tensors[result] = read(result, tensor)
        }
      } catch { throw error.at("node '\(node.name)' (\(node.op.name))") }
    }
    var values: [String: AnyTensor] = [:]
    for (id, tensor) in computed { values[graph[id].name] = tensor }
    return Outcome(values: values, outputs: graph.outputs.map { computed[$0]! }, variables: updates)
  }

  /// Evaluates one operation on tensors.
  ///
  /// - Parameter resultCount: how many results are wanted, from the first.
  /// - Returns: that many tensors, of the types that the operation infers.
  public static func evaluate(
    _ op: any Operation, _ operands: [AnyTensor?], resultCount: Int = 1
  ) throws(Diagnostic) -> [AnyTensor] {
    guard let evaluable = op as? any Evaluable else {
      throw Diagnostic(
        .unsupported, "\(op.name) can't be evaluated: it doesn't conform to Evaluable",
        hint: op is Opaque ? "no operation of that name is registered" : nil)
    }
    let known = Operands(operands.map { $0.map(knownOperand) }, resultCount: resultCount)
    let types = try op.resultTypes(known)
    for type in types { try type.checkSize() }
    let call = EvaluationCall(operands: operands, resultTypes: Array(types.prefix(resultCount)))
    for type in call.resultTypes where type.shape?.sizes == nil && !(op is any ShapedByData) {
      throw Diagnostic(
        .shapeMismatch,
        "the shape \(type) of a result of \(op.name) can't be told from its operands")
    }
    let results =
      if let op = evaluable as? any WidensFloats { try op.evaluateWidened(call) } else {
        try evaluable.evaluate(call)
      }
    guard results.count == call.resultTypes.count,
      zip(results, call.resultTypes).allSatisfy({ $0.type.isCompatible(with: $1) })
    else {
      throw Diagnostic(
        .typeMismatch,
        "the evaluation of \(op.name) gave \(results.map(\.type)), inference \(call.resultTypes)")
    }
    return results
  }

  private static let assign: OpName = "qat.Assign"

  private static func knownOperand(_ tensor: AnyTensor) -> Operands.Operand {
    let isShape =
      (tensor.element == .i64 || tensor.element == .i32) && tensor.shape.count <= 1
      && tensor.elementCount <= 64
    return Operands.Operand(
      tensor.type, constant: tensor,
      dimensions: isShape ? tensor.integers?.map { Dimension(signed: $0) } : nil)
  }

  /// The values that no node computes.
  private func boundValues(
    _ inputs: [String: AnyTensor], _ variables: [String: AnyTensor]
  ) throws(Diagnostic) -> [ValueID: AnyTensor] {
    var tensors: [ValueID: AnyTensor] = [:]
    for id in graph.constants + graph.variables { tensors[id] = graph[id].parameter }
    for (name, tensor) in variables {
      guard let id = graph.value(named: name), graph[id].variable != nil else {
        throw Diagnostic(
          .unknownName, "the graph has no variable '\(name)'",
          hint: nameHint(name, among: graph.variables.map { graph[$0].name }))
      }
      try check(tensor, is: graph[id].type, what: "variable '\(name)'")
      tensors[id] = tensor
    }
    let names = graph.inputs.map { graph[$0].name }
    if let unknown = inputs.keys.sorted().first(where: { !names.contains($0) }) {
      throw Diagnostic(
        .invalidData, "the graph has no input '\(unknown)'", hint: nameHint(unknown, among: names))
    }
    var sizes: [String: Int] = [:]
    for id in graph.inputs {
      let value = graph[id]
      guard let tensor = inputs[value.name] else {
        throw Diagnostic(.invalidData, "input '\(value.name)' (\(value.type)) is missing")
      }
      for (dimension, size) in zip(value.type.shape?.dimensions ?? [], tensor.shape) {
        if let symbol = dimension.symbol, sizes[symbol] == nil { sizes[symbol] = size }
      }
      try check(tensor, is: value.type.substituting(sizes), what: "input '\(value.name)'")
      tensors[id] = tensor
    }
    return tensors
  }

  private func check(
    _ tensor: AnyTensor, is type: TensorType, what: String
  ) throws(Diagnostic) {
    let agrees =
      type.shape.map { shape in
        shape.rank == tensor.shape.count
          && zip(shape.dimensions, tensor.shape).allSatisfy { $0.size == nil || $0.size == $1 }
      } ?? true
    guard tensor.element == type.element, agrees else {
      throw Diagnostic(.invalidData, "\(what) is \(tensor.type), expected \(type)")
    }
  }
}
