/// The bytes of a tensor: immutable, shared by every copy of it.
///
/// A class, and `Sendable`, because the bytes never change after `init`: the only way to other bytes
/// is another storage. A subclass may view bytes that something else owns (a mapped file) and keeps
/// the owner alive, or make them where they are looked at (`DerivedStorage`).
@safe open class TensorStorage: @unchecked Sendable {
  // SAFETY: valid for as long as `self` lives: `init` allocates it, or a subclass keeps its owner. Read
  // of what `resident` gives alone.
  private let start: UnsafeRawPointer
  private let ownsBytes: Bool
  /// How many bytes there are.
  public let byteCount: Int

  /// `byteCount` bytes, 64-byte aligned, filled by `fill`, which must write all of them.
  public init(byteCount: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) {
    let memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Swift.max(byteCount, 1), alignment: 64)
    unsafe fill(UnsafeMutableRawBufferPointer(rebasing: memory[..<byteCount]))
    unsafe start = UnsafeRawPointer(memory.baseAddress!)
    self.byteCount = byteCount
    ownsBytes = true
  }

  /// Views bytes that the subclass keeps alive; the pointer need not be aligned.
  public init(viewing bytes: UnsafeRawBufferPointer) {
    // An empty buffer may have no address; nothing is ever read through the stand-in.
    unsafe start = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 64)!
    byteCount = bytes.count
    ownsBytes = false
  }

  /// Bytes that `resident` makes.
  init(byteCount: Int) {
    unsafe start = UnsafeRawPointer(bitPattern: 64)!
    self.byteCount = byteCount
    ownsBytes = false
  }

  deinit {
    if ownsBytes { unsafe UnsafeMutableRawPointer(mutating: start).deallocate() }
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
