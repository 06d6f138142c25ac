extension OpsetHistory {
  /// Broadcasting had to be asked for before 7.
  static let gemm = OpsetHistory("Gemm", [.dropped(at: 7, ["broadcast"])])
}
