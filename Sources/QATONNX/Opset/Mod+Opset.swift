import QATIR

extension OpsetHistory {
  /// The rest of floats takes the sign of the divisor from 28 on.
  static let mod = OpsetHistory(
    "Mod",
    needed: { node, graph in
      guard let a = node.operands.first ?? nil, graph[a].type.element.isFloatingPoint else {
        return 13
      }
      return node.op.attributeValues.contains { $0.name == "fmod" } ? 13 : 28
    })
}
