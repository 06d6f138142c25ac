import QATIR

extension OpsetHistory {
  /// `axes` was an attribute before 13.
  static let reduceSum = OpsetHistory("ReduceSum", [.integersBecameInputs(at: 13, [("axes", 1)])])

  /// `axes` was an attribute before 18.
  static let otherReductions = ["ReduceMean", "ReduceMax", "ReduceMin"].map { op in
    OpsetHistory(
      op, [.integersBecameInputs(at: 18, [("axes", 1)])],
      needed: { node, _ in node.operands.count > 1 && node.operands[1] != nil ? 18 : 13 })
  }
}
