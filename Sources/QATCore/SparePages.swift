import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Pages of large tensors: those of the last ones that were freed are kept for the next of their size, as
/// getting a page from the system takes longer than filling it.
enum SparePages {
  /// Bytes that are kept at most: the outputs of a model that runs again and again, not the weights of one
  /// that is being changed.
  private static let most = 16 << 20
  #if os(Linux)
    /// All pages at once: they will all be written, and each would be a fault.
    private static let now = MAP_POPULATE
  #else
    private static let now: Int32 = 0
  #endif

  /// Freed last, last. Addresses as numbers: nobody else has them.
  private static let spares = Mutex<[(address: UInt, byteCount: Int)]>([])

  /// Pages of any contents, or `nil` where the system has none.
  static func take(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    let spare = spares.withLock { spares in
      spares.lastIndex { $0.byteCount == byteCount }.map { spares.remove(at: $0).address }
    }
    if let spare { return unsafe UnsafeMutableRawPointer(bitPattern: spare) }
    let pages = unsafe mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | now, -1, 0)
    return unsafe pages == MAP_FAILED ? nil : pages
  }

  /// Takes back what `take` gave.
  static func give(_ pages: UnsafeMutableRawPointer, _ byteCount: Int) {
    let dropped = spares.withLock { spares in
      spares.append((UInt(bitPattern: pages), byteCount))
      var kept = spares.reduce(0) { $0 + $1.byteCount }
      var dropped: [(address: UInt, byteCount: Int)] = []
      while kept > most {
        let spare = spares.removeFirst()
        kept -= spare.byteCount
        dropped.append(spare)
      }
      return dropped
    }
    for (address, byteCount) in dropped {
      unsafe munmap(UnsafeMutableRawPointer(bitPattern: address), byteCount)
    }
  }
}
