extension OpsetHistory {
  /// `axes` was an attribute before 13.
  static let squeeze = OpsetHistory("Squeeze", [.integersBecameInputs(at: 13, [("axes", 1)])])
}
