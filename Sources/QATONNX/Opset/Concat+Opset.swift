import QATIR

extension OpsetHistory {
  /// `axis` was 1 where it was not given before 4.
  static let concat = OpsetHistory("Concat", [.defaultWas(at: 4, "axis", .int(1))])
}
