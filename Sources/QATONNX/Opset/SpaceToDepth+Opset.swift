import QATIR

extension OpsetHistory {
  /// The order of channels could be chosen with 28.
  static let spaceToDepth = OpsetHistory(
    "SpaceToDepth",
    needed: { node, _ in node.op.attributeValues.contains { $0.name == "mode" } ? 28 : 13 })
}
