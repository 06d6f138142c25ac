import QATIR

extension OpsetHistory {
  /// `spatial` went with 9, `is_test` with 7; training became an attribute with 14.
  static let batchNormalization = OpsetHistory(
    "BatchNormalization",
    [.dropped(at: 7, ["is_test", "consumed_inputs"]), .dropped(at: 9, ["spatial"])],
    needed: { node, _ in node.results.count > 1 ? 15 : 13 })
}
