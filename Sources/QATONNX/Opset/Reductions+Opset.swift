import QATIR

extension OpsetHistory {
  /// `axes` was an attribute before 13.
  static let reduceSum = OpsetHistory("ReduceSum", [.integersBecameInputs(at: 13, [("axes", 1)])])

  /// `axes` was an attribute before 18.
  static let otherReductions = [
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
    "ReduceMin", "ReduceProd", "ReduceSumSquare",
  ].map { op in
    OpsetHistory(op, [.integersBecameInputs(at: 18, [("axes", 1)])])
  }
}
