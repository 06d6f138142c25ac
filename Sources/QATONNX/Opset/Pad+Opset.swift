import QATIR

extension OpsetHistory {
  /// `pads` and `value` were attributes before 11; `axes` came with 18, wrapping with 19.
  static let pad = OpsetHistory(
    "Pad",
    [
      .integersBecameInputs(at: 11, [("pads", 1)]), .scalarsBecameInputs(at: 11, [("value", 2)]),
    ],
    needed: { node, _ in
      let wraps = node.op.attributeValues.contains {
        $0.name == "mode" && $0.value == .string("wrap")
      }
      return wraps ? 19 : node.operands.count > 3 && node.operands[3] != nil ? 18 : 13
    })
}
