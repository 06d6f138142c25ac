extension OpsetHistory {
  /// `starts`, `ends` and `axes` were attributes before 10.
  static let slice = OpsetHistory(
    "Slice", [.integersBecameInputs(at: 10, [("starts", 1), ("ends", 2), ("axes", 3)])])
}
