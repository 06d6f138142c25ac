import QATCore
import Synchronization
import Testing

@Suite("Bytes that are made where they are looked at")
struct DerivedStorageTests {
  /// A storage of four bytes, and how often they were made.
  private final class Maker: Sendable {
    let count = Mutex(0)

    func storage(isCopy: Bool = false) -> DerivedStorage {
      DerivedStorage(byteCount: 4, isCopy: isCopy) { [self] in
        count.withLock { $0 += 1 }
        return TensorStorage(bytes: [1, 2, 3, 4])
      }
    }
    var times: Int { count.withLock { $0 } }
  }

  @Test("they are made at each look, and live as long as someone keeps them")
  func looks() {
    let maker = Maker(), storage = maker.storage()
    let tensor = AnyTensor(.u8, shape: [4], storage: storage)
    #expect(maker.times == 0)
    #expect(tensor.integers == [1, 2, 3, 4] && tensor.integers == [1, 2, 3, 4])
    #expect(maker.times == 2)
    let kept = tensor.resident
    #expect(kept.integers == tensor.integers && kept == tensor)
    #expect(maker.times == 3)
    withExtendedLifetime(kept) {}
  }

  @Test("a part keeps them, and knows whether a file has them")
  func parts() {
    let maker = Maker()
    let tensor = AnyTensor(.u8, shape: [2, 2], storage: maker.storage(isCopy: true))
    let part = tensor.samples(1..<2)
    #expect(part.shape == [1, 2] && part.integers == [3, 4] && part.integers == [3, 4])
    #expect(maker.times == 1)
    #expect(tensor.storage.isMapped && !part.storage.isMapped)
    #expect(!maker.storage().isMapped)
  }

  @Test("integers of up to 32 bits as they are", arguments: [ElementType.i8, .u8, .i16, .u16, .i4])
  func smallIntegers(_ element: ElementType) {
    let numbers = element.isSigned ? [-8, -1, 0, 7] : [0, 1, 200, 255]
    let tensor = AnyTensor(element, shape: [4], integers: numbers)
    #expect(tensor.smallIntegers == numbers.map(Int32.init))
    #expect(AnyTensor(Int64(1)).smallIntegers == nil)
  }
}
