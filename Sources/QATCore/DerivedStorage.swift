import Synchronization

/// Bytes that are made where they are looked at, of those of a mapped file or of nothing, and live as long
/// as someone looks: a weight scaled by a folded batch-norm, a tensor that is not aligned in its file, zeros.
///
/// They take no memory while nobody looks, and looking costs what making them costs each time: meant
/// for what is as cheap as copying.
public final class DerivedStorage: TensorStorage, @unchecked Sendable {
  private let make: @Sendable () -> TensorStorage
  private let latest = Mutex(Weak())
  private let isCopy: Bool

  private struct Weak: Sendable { weak var storage: TensorStorage? }

  /// Bytes below which it is not worth it.
  public static let smallest = 1 << 16

  /// - Parameters:
  ///   - isCopy: whether they are the file's own bytes, and no function of them.
  ///   - make: gives the same `byteCount` bytes each time.
  public init(byteCount: Int, isCopy: Bool = false, make: @escaping @Sendable () -> TensorStorage) {
    self.make = make
    self.isCopy = isCopy
    super.init(byteCount: byteCount)
  }

  public override var resident: TensorStorage {
    latest.withLock { latest in
      if let storage = latest.storage { return storage }
      let storage = make()
      precondition(storage.byteCount == byteCount, "\(storage.byteCount) bytes, not \(byteCount)")
      latest.storage = storage
      return storage
    }
  }

  public override var isMapped: Bool { isCopy }
}
