import QATIR

extension OpsetHistory {
  /// Sizes were an operand of the type of the data before 2, then the attribute `split` until 13; equal
  /// parts had no `num_outputs` before 18.
  static let split = OpsetHistory(
    "Split",
    [
      .init(version: 2) { node in
        guard node.inputs.count > 1, !node.inputs[1].isEmpty else { return }
        let sizes = "\(node.stem).split"
        node.before.append(.init(op: Cast(to: .i64), inputs: [node.inputs[1]], output: sizes))
        node.inputs[1] = sizes
      },
      .integersBecameInputs(at: 13, [("split", 1)]),
      .init(version: 18) { node in
        if node.inputs.count < 2 || node.inputs[1].isEmpty {
          node.attributes.append(("num_outputs", .int(node.outputs.count)))
        }
      },
    ])
}
