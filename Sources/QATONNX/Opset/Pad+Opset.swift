import QATIR

extension OpsetHistory {
  /// `pads` was called `paddings` before 2; it and `value` were attributes before 11; wrapping came
  /// with 19.
  static let pad = OpsetHistory(
    "Pad",
    [
      .attributeRenamed(at: 2, "paddings", to: "pads"),
      .integersBecameInputs(at: 11, [("pads", 1)]),
      .scalarsBecameInputs(at: 11, [("value", 2)]),
    ],
    needed: { node, _ in
      let wraps = node.op.attributeValues.contains {
        $0.name == "mode" && $0.value == .string("wrap")
      }
      return wraps ? 19 : 13
    })
}
