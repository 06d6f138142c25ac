import QATIR

extension OpsetHistory {
  /// `axes` was an attribute before 13.
  static let reduceSum = OpsetHistory("ReduceSum", [.integersBecameInputs(at: 13, [("axes", 1)])])

  /// `axes` was an attribute before 18.
  static let otherReductions = [
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
    "ReduceMin", "ReduceProd", "ReduceSumSquare",
  ].map { op in
    OpsetHistory(
      op, [.integersBecameInputs(at: 18, [("axes", 1)])],
      needed: { node, _ in
        let hasAxes = node.operands.count > 1 && node.operands[1] != nil
        let isNoop = node.op.attributeValues.contains { $0.name == "noop_with_empty_axes" }
        return hasAxes || isNoop ? 18 : 13
      })
  }
}
