import QATIR

extension Graph {
  /// Whether a zero point is 0 whatever is observed or learned; an absent one is.
  func isZeroPoint(_ value: ValueID?) -> Bool {
    guard let value else { return true }
    if let constant = self[value].constant?.integers { return constant.allSatisfy { $0 == 0 } }
    if let (_, op) = operation(ScaleFromRange.self, of: value) {
      return op.scheme == .symmetric && op.grid.min < 0
    }
    guard let (_, op) = operation(ScaleFromLearned.self, of: value) else { return false }
    return op.scheme == .symmetric && op.grid.min < 0 && op.method == .lsq
  }
}
