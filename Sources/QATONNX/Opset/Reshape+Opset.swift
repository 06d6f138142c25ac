import QATIR

extension OpsetHistory {
  /// `shape` was an attribute before 5; `allowzero` came with 14.
  static let reshape = OpsetHistory(
    "Reshape", [.dropped(at: 5, ["consumed_inputs"]), .integersBecameInputs(at: 5, [("shape", 1)])],
    needed: { node, _ in node.op.attributeValues.contains { $0.name == "allowzero" } ? 14 : 13 })
}
