import QATCore
import QATIR

extension OpsetHistory {
  /// `k` was an attribute before 10.
  static let topK = OpsetHistory(
    "TopK",
    [
      .init(version: 10) { node in
        guard case .int(let k)? = node.take("k") else { return }
        node.setInput(1, to: AnyTensor(shape: [1], [Int64(k)]), named: "k")
      }
    ])
}
