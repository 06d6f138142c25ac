import QAT
import Testing

/// The simulation in float rounds what batch-norms give; integers round what they were folded into:
/// where that is a tie but for float32, a code may differ, in one of 500 outputs at most. The class of ten
/// is the same everywhere.
func expectAgreement(_ simulated: [AnyTensor], _ integers: [AnyTensor]) {
  let a = simulated.flatMap(\.floats), b = integers.flatMap(\.floats)
  #expect(!a.isEmpty && a.count == b.count)
  #expect(zip(a, b).count { $0 != $1 } <= a.count / 500)
  func classes(_ scores: [Float]) -> [Int] {
    stride(from: 0, to: scores.count, by: 10).map { row in
      (0..<10).max { scores[row + $0] < scores[row + $1] } ?? 0
    }
  }
  #expect(classes(a) == classes(b))
}
