/// The bytes of a tensor: immutable, shared by every copy of it.
///
/// A class, and `Sendable`, because the bytes never change after `init`: the only way to other bytes
/// is another storage. A subclass may view bytes that something else owns (a mapped file) and keeps
/// the owner alive, or make them where they are looked at (`DerivedStorage`).
@safe open class TensorStorage: @unchecked Sendable {
  // SAFETY: valid for as long as `self` lives: `init` allocates it, or a subclass keeps its owner. Read
  // of what `resident` gives alone.
  private let start: UnsafeRawPointer
  private let memory: Memory
  /// How many bytes there are.
  public let byteCount: Int

  /// Where the bytes come from, and go to.
  private enum Memory { case heap, pages, others }

  /// Bytes from which they have pages of their own: freed pieces of the heap stay with the process, and
  /// those of weights that come and go add up.
  private static let pagesFrom = 1 << 20

  /// `byteCount` bytes, 64-byte aligned, filled by `fill`, which must write all of them.
  public init(byteCount: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) {
    let own = unsafe Self.allocate(byteCount)
    unsafe fill(UnsafeMutableRawBufferPointer(start: own.start, count: byteCount))
    unsafe start = UnsafeRawPointer(own.start)
    self.byteCount = byteCount
    memory = unsafe own.memory
  }

  private static func allocate(
    _ byteCount: Int
  ) -> (start: UnsafeMutableRawPointer, memory: Memory) {
    if byteCount >= pagesFrom, let pages = unsafe SparePages.take(byteCount) {
      return unsafe (pages, .pages)
    }
    let bytes = UnsafeMutableRawPointer.allocate(
      byteCount: Swift.max(byteCount, 1), alignment: 64)
    return unsafe (bytes, .heap)
  }

  /// Views bytes that the subclass keeps alive; the pointer need not be aligned.
  public init(viewing bytes: UnsafeRawBufferPointer) {
    // An empty buffer may have no address; nothing is ever read through the stand-in.
    unsafe start = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 64)!
    byteCount = bytes.count
    memory = .others
  }

  /// Bytes that `resident` makes.
  init(byteCount: Int) {
    unsafe start = UnsafeRawPointer(bitPattern: 64)!
    self.byteCount = byteCount
    memory = .others
  }

  deinit {
    let bytes = unsafe UnsafeMutableRawPointer(mutating: start)
    switch memory {
    case .heap: unsafe bytes.deallocate()
    case .pages: unsafe SparePages.give(bytes, byteCount)
    case .others: break
    }
  }

  /// A storage of the same bytes that are in memory, or mapped into it: itself, where they are.
  open var resident: TensorStorage { self }

  /// Whether the bytes are those of a mapped file, which memory need not hold.
  open var isMapped: Bool { false }

  /// Says that a range of the bytes is not needed for now: what they take of memory is free where a
  /// mapped file has them, and they are read again from there where someone does look at them.
  open func forget(_ range: Range<Int>) {}

  /// Lends the bytes to `body`; they must not escape it.
  public final func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let storage = resident
    defer { withExtendedLifetime(storage) {} }
    return try unsafe body(UnsafeRawBufferPointer(start: storage.start, count: byteCount))
  }
}

extension TensorStorage {
  /// A copy of bytes.
  public convenience init(bytes: [UInt8]) {
    // SAFETY: `target` is as long as `bytes`.
    unsafe self.init(byteCount: bytes.count) { target in
      unsafe bytes.withUnsafeBytes { source in unsafe target.copyMemory(from: source) }
    }
  }
}
