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
  /// Bytes that are kept at most: the outputs of a model that runs again and again, and of the weights of
  /// one that passes look at, one after the other, a large one twice (as it is read and as it is made).
  private static let most = 20 << 20
  #if os(Linux)
    /// All pages at once: they will all be written, and each would be a fault.
    private static let now = MAP_POPULATE
  #else
    private static let now: Int32 = 0
  #endif

  /// Addresses as numbers: nobody else has them.
  private typealias Spare = (address: UInt, byteCount: Int)

  /// Freed last, last.
  private static let spares = Mutex<[Spare]>([])

  /// Pages of any contents, or `nil` where the system has none.
  static func take(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    let byteCount = inPages(byteCount)
    if let spare = spares.withLock({ cut(byteCount, from: &$0) }) {
      return unsafe UnsafeMutableRawPointer(bitPattern: spare)
    }
    // All of them are smaller: they go, so that there is no more memory than without spares.
    release()
    let pages = unsafe mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | now, -1, 0)
    return unsafe pages == MAP_FAILED ? nil : pages
  }

  private static func inPages(_ byteCount: Int) -> Int {
    let page = Int(getpagesize())
    return (byteCount + page - 1) / page * page
  }

  /// A spare of the same size, or the end of the smallest larger one, the rest of which stays.
  private static func cut(_ byteCount: Int, from spares: inout [Spare]) -> UInt? {
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
    let given = (UInt(bitPattern: pages), inPages(byteCount))
    unmap(
      spares.withLock { spares in
        spares.append(joined(given, &spares))
        var kept = spares.reduce(0) { $0 + $1.byteCount }
        var dropped: [Spare] = []
        while kept > most {
          let spare = spares.removeFirst()
          kept -= spare.byteCount
          dropped.append(spare)
        }
        return dropped
      })
  }

  /// With those that lie right before and behind it: what was cut into parts becomes whole again.
  private static func joined(_ spare: Spare, _ spares: inout [Spare]) -> Spare {
    var whole = spare
    if let before = spares.firstIndex(where: { $0.address + UInt($0.byteCount) == whole.address }) {
      let other = spares.remove(at: before)
      whole = (other.address, other.byteCount + whole.byteCount)
    }
    if let behind = spares.firstIndex(where: { whole.address + UInt(whole.byteCount) == $0.address }
    ) {
      whole.byteCount += spares.remove(at: behind).byteCount
    }
    return whole
  }

  /// Gives all back to the system: where memory of another kind is about to be taken.
  package static func release() {
    unmap(
      spares.withLock { spares in
        defer { spares = [] }
        return spares
      })
  }

  private static func unmap(_ spares: [Spare]) {
    for (address, byteCount) in spares {
      unsafe munmap(UnsafeMutableRawPointer(bitPattern: address), byteCount)
    }
  }
}
