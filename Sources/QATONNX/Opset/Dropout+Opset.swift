extension OpsetHistory {
  /// `is_test` went with 7: what is imported is to be run, whatever it said. `ratio` was an attribute
  /// before 12.
  static let dropout = OpsetHistory(
    "Dropout", [.dropped(at: 7, ["is_test"]), .scalarsBecameInputs(at: 12, [("ratio", 1)])])
}
