import QATIR

extension OpsetHistory {
  /// `shape` was an attribute before 5.
  static let reshape = OpsetHistory("Reshape", [.integersBecameInputs(at: 5, [("shape", 1)])])
}
