import QATCore

extension Graph: Equatable {
  /// The same name, notes, inputs, outputs, contents, nodes and attachments, in the same order and under the same
  /// names; how the two were edited into being, and so their IDs, makes no difference. O(n).
  public static func == (a: Graph, b: Graph) -> Bool {
    a.name == b.name && a.metadata == b.metadata && a.nodeCount == b.nodeCount
      && a.declarations(a.inputs) == b.declarations(b.inputs)
      && a.declarations(a.outputs) == b.declarations(b.outputs)
      && a.hasSameParameters(as: b)
      && zip(a.nodes, b.nodes).allSatisfy { a.describes($0, like: $1, of: b) }
      && a.livingAttachments.elementsEqual(b.livingAttachments) { $0 == $1 }
  }

  private struct Declaration: Equatable {
    let name: String
    let type: TensorType
  }

  private func declaration(_ value: ValueID?) -> Declaration? {
    value.map { Declaration(name: self[$0].name, type: self[$0].type) }
  }

  private func declarations(_ values: [ValueID]) -> [Declaration?] { values.map(declaration) }

  private func hasSameParameters(as other: Graph) -> Bool {
    let parameters = allValues.filter { self[$0].parameter != nil }
    let count = other.allValues.reduce(0) { $0 + (other[$1].parameter == nil ? 0 : 1) }
    guard parameters.count == count else { return false }
    return parameters.allSatisfy { id in
      guard let match = other.value(named: self[id].name) else { return false }
      return self[id].constant == other[match].constant
        && self[id].variable == other[match].variable
        && self[id].type == other[match].type
    }
  }

  private func describes(_ id: NodeID, like otherID: NodeID, of other: Graph) -> Bool {
    let node = self[id]
    let match = other[otherID]
    return node.name == match.name && isSameOperation(node.op, match.op)
      && node.operands.map { $0.map { self[$0].name } }
        == match.operands.map { $0.map { other[$0].name } }
      && node.results.map(declaration) == match.results.map(other.declaration)
      && node.origins == match.origins && node.metadata == match.metadata
  }
}
