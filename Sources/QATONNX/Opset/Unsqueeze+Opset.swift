extension OpsetHistory {
  /// `axes` was an attribute before 13.
  static let unsqueeze = OpsetHistory("Unsqueeze", [.integersBecameInputs(at: 13, [("axes", 1)])])
}
