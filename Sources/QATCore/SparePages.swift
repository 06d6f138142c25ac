import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Pages of large tensors: those of the last ones that were freed are kept for the next, as getting a page
/// from the system takes longer than filling it.
package enum SparePages {
  /// Bytes that are kept at most: the outputs of a model that runs again and again, not the weights of one
  /// that is being changed.
  private static let most = 8 << 20
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
    let byteCount = inPages(byteCount)
    if let spare = spares.withLock({ cut(byteCount, from: &$0) }) {
      return unsafe UnsafeMutableRawPointer(bitPattern: spare)
    }
    let pages = unsafe mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | now, -1, 0)
    return unsafe pages == MAP_FAILED ? nil : pages
  }

  private static func inPages(_ byteCount: Int) -> Int {
    let page = Int(getpagesize())
    return (byteCount + page - 1) / page * page
  }

  /// A spare of the same size, or the end of the smallest larger one, the rest of which stays.
  private static func cut(
    _ byteCount: Int, from spares: inout [(address: UInt, byteCount: Int)]
  ) -> UInt? {
    if let same = spares.lastIndex(where: { $0.byteCount == byteCount }) {
      return spares.remove(at: same).address
    }
    let larger = spares.indices.filter { spares[$0].byteCount > byteCount }
    guard let best = larger.min(by: { spares[$0].byteCount < spares[$1].byteCount })
    else { return nil }
    spares[best].byteCount -= byteCount
    return spares[best].address + UInt(spares[best].byteCount)
  }

  /// Takes back what `take` gave.
  static func give(_ pages: UnsafeMutableRawPointer, _ byteCount: Int) {
    let byteCount = inPages(byteCount)
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
    unmap(dropped)
  }

  /// Gives all back to the system: where memory of another kind is about to be taken.
  package static func release() {
    unmap(
      spares.withLock { spares in
        defer { spares = [] }
        return spares
      })
  }

  private static func unmap(_ spares: [(address: UInt, byteCount: Int)]) {
    for (address, byteCount) in spares {
      unsafe munmap(UnsafeMutableRawPointer(bitPattern: address), byteCount)
    }
  }
}
