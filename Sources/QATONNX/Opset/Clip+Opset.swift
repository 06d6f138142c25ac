extension OpsetHistory {
  /// `min` and `max` were attributes before 11.
  static let clip = OpsetHistory("Clip", [.scalarsBecameInputs(at: 11, [("min", 1), ("max", 2)])])
}
