import QATIR

extension OpsetHistory {
  /// `ratio` was an attribute before 12, the mask had the type of the data before 10, and `is_test`
  /// went with 7: older nodes drop nothing.
  static let dropout = OpsetHistory(
    "Dropout",
    [
      .dropped(at: 7, ["is_test"]),
      .init(version: 10) { node in
        guard node.outputs.count > 1, !node.outputs[1].isEmpty else { return }
        let mask = node.outputs[1]
        node.outputs[1] = mask + ".kept"
        node.after = [.init(op: Cast(to: node.element), inputs: [mask + ".kept"], output: mask)]
      },
      .scalarsBecameInputs(at: 12, [("ratio", 1)]),
    ])
}
