import QATCore
import QATIR

/// A model whose outputs another one is trained to have: what `attach-teacher` looks for beside the
/// graph.
public struct Teacher: Sendable {
  /// In evaluation form; its inputs are among those of the model to be trained.
  public var graph: Graph

  /// A model to learn from.
  public init(_ graph: Graph) { self.graph = graph }
}

extension GraphBuilder {
  /// Emits a copy of a teacher that computes in float and that no step changes: parameters are
  /// constants, quantizers and dropouts let values through, batch-norms use their running statistics.
  ///
  /// - Parameters:
  ///   - values: what of the teacher is wanted.
  /// - Returns: those values in this graph.
  /// - Throws: `unknown-name`, `type-mismatch` where the teacher's inputs are not among the model's;
  ///   `unsupported` for a Dropout whose mask is read.
  mutating func emitTeacher(
    _ teacher: Graph, values: [ValueID]
  ) throws(Diagnostic) -> [ValueID: ValueID] {
    let needed = Self.needed(values, in: teacher)
    let prefix = namePrefix + "teacher."
    var copies: [ValueID: ValueID] = [:]
    for id in teacher.inputs where needed.contains(id) {
      copies[id] = try teacherInput(teacher[id])
    }
    for id in teacher.allValues where needed.contains(id) {
      guard let tensor = teacher[id].parameter else { continue }
      copies[id] = graph.addConstant(graph.freeValueName(prefix + teacher[id].name), tensor)
    }
    for id in teacher.nodes {
      let node = teacher[id]
      guard let first = node.results.first, let result = first,
        node.results.contains(where: { $0.map(needed.contains) ?? false })
      else { continue }
      if let source = teacher.passedOn(by: id) {
        guard node.results.dropFirst().allSatisfy({ $0.map { !needed.contains($0) } ?? true })
        else {
          throw Diagnostic(
            .unsupported, "the mask of a Dropout is read", at: "teacher: node '\(node.name)'",
            hint: "take a teacher in evaluation form")
        }
        copies[result] = copies[source]
        continue
      }
      let operands = node.operands.map { $0.flatMap { copies[$0] } }
      var op = node.op
      if var norm = op as? BatchNormalization {
        norm.trainingMode = false
        op = norm
      }
      if op is FoldedBiasRounding {
        copies[result] = zeros(like: result, of: teacher, prefix)
        continue
      }
      let new = emitCopy(op, operands, of: node, prefix)
      for (old, new) in zip(node.results, new) { if let old { copies[old] = new } }
    }
    return copies.filter { values.contains($0.key) }
  }

  /// Everything that the values depend on, past what passes values on.
  private static func needed(_ values: [ValueID], in teacher: Graph) -> Set<ValueID> {
    var needed = Set(values)
    for id in teacher.nodes.reversed()
    where teacher[id].results.contains(where: { $0.map(needed.contains) ?? false }) {
      if let source = teacher.passedOn(by: id) {
        needed.insert(source)
      } else if !(teacher[id].op is FoldedBiasRounding) {
        needed.formUnion(teacher[id].operands.compactMap { $0 })
      }
    }
    return needed
  }

  private func teacherInput(_ input: Value) throws(Diagnostic) -> ValueID {
    let names = graph.inputs.map { graph[$0].name }
    guard let value = graph.inputs.first(where: { graph[$0].name == input.name }) else {
      throw Diagnostic(
        .unknownName, "the model has no input '\(input.name)'", at: "teacher",
        hint: nameHint(input.name, among: names))
    }
    let type = graph[value].type
    guard type.element == input.type.element, type.shape?.rank == input.type.shape?.rank else {
      throw Diagnostic(
        .typeMismatch, "its input '\(input.name)' is \(input.type), that of the model \(type)",
        at: "teacher", hint: "take a teacher with the same inputs")
    }
    return value
  }

  private mutating func emitCopy(
    _ op: any Operation, _ operands: [ValueID?], of node: Node, _ prefix: String
  ) -> [ValueID] {
    let before = namePrefix
    namePrefix = prefix
    defer { namePrefix = before }
    // A batch-norm that was in training form has results that the evaluation form lacks.
    let count = op is BatchNormalization ? 1 : node.results.count
    return emit(op, operands, results: count, name: prefix + node.name)
  }

  private mutating func zeros(
    like value: ValueID, of teacher: Graph, _ prefix: String
  ) -> ValueID {
    let sizes = teacher[value].type.shape?.sizes ?? []
    return graph.addConstant(
      graph.freeValueName(prefix + teacher[value].name),
      AnyTensor(shape: sizes, [Float](repeating: 0, count: sizes.reduce(1, *))))
  }
}

extension Graph {
  /// The operand that a node passes on unchanged where nothing is quantized or dropped.
  fileprivate func passedOn(by id: NodeID) -> ValueID? {
    switch self[id].op {
    case is FakeQuantize, is FakeQuantizeBias, is Dropout: self[id].operands[0]
    default: nil
    }
  }
}
