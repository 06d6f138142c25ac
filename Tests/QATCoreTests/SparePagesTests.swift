import QATCore
import Testing

@Suite("Large tensors")
struct SparePagesTests {
  @Test("made and dropped on several threads at once keep their own bytes")
  func apart() async {
    await withTaskGroup(of: Bool.self) { group in
      for task in 0..<4 {
        group.addTask {
          var random = SystemRandomNumberGenerator()
          var kept: [(value: UInt8, storage: TensorStorage)] = []
          for round in 0..<60 {
            let value = UInt8(task * 60 + round)
            let size = 1 << 20 + Int.random(in: 0..<3, using: &random) << 12
            kept.append((value, TensorStorage(bytes: Array(repeating: value, count: size))))
            if kept.count > 3 { kept.remove(at: Int.random(in: 0..<4, using: &random)) }
            for (value, storage) in kept {
              let isOwn = unsafe storage.withBytes { bytes in
                unsafe bytes.first == value && bytes.last == value
                  && bytes[bytes.count / 2] == value
              }
              guard isOwn else { return false }
            }
          }
          return true
        }
      }
      for await isRight in group { #expect(isRight) }
    }
  }
}
