import QATIR

extension OpsetHistory {
  /// `axis` could be left out before 4.
  static let concat = OpsetHistory("Concat", [.defaultWas(at: 4, "axis", .int(1))])
}
