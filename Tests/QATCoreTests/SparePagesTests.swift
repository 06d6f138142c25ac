import QATCore
import Testing

@Suite("Large tensors")
struct SparePagesTests {
  @Test("keep their bytes when spare pages go back to the system")
  func release() {
    let kept = TensorStorage(bytes: Array(repeating: 7, count: 3 << 20))
    for _ in 0..<3 {
      _ = TensorStorage(bytes: Array(repeating: 9, count: 2 << 20))
      SparePages.release()
      let next = TensorStorage(bytes: Array(repeating: 5, count: 2 << 20))
      #expect(unsafe kept.withBytes { unsafe $0.allSatisfy { $0 == 7 } })
      #expect(unsafe next.withBytes { unsafe $0.allSatisfy { $0 == 5 } })
    }
  }

  @Test("made and dropped on several threads at once keep their own bytes")
  func apart() async {
    await withTaskGroup(of: Bool.self) { group in
      for task in 0..<4 {
        group.addTask {
          var random = SystemRandomNumberGenerator()
          var kept: [(value: UInt8, storage: TensorStorage)] = []
          for round in 0..<60 {
            let value = UInt8(task * 60 + round)
            let size = 1 << 20 + Int.random(in: 0..<1024, using: &random) << 12
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
