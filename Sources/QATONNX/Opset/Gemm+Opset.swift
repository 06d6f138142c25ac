import QATIR

extension OpsetHistory {
  /// `broadcast` allowed what is always allowed from 7 on.
  static let gemm = OpsetHistory("Gemm", [.dropped(at: 7, ["broadcast"])])
}
