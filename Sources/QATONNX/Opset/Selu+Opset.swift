extension OpsetHistory {
  /// The defaults had fewer digits before 6.
  static let selu = OpsetHistory(
    "Selu",
    [.defaultWas(at: 6, "alpha", .float(1.6732)), .defaultWas(at: 6, "gamma", .float(1.0507))])
}
