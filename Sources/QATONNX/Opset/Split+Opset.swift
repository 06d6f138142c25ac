import QATIR

extension OpsetHistory {
  /// `split` was an attribute before 13; equal parts had no `num_outputs` before 18.
  static let split = OpsetHistory(
    "Split",
    [
      .integersBecameInputs(at: 13, [("split", 1)]),
      .init(version: 18) { node in
        if node.inputs.count < 2 || node.inputs[1].isEmpty {
          node.attributes.append(("num_outputs", .int(node.outputs.count)))
        }
      },
    ],
    needed: { node, _ in node.op.attributeValues.contains { $0.name == "num_outputs" } ? 18 : 13 })
}
