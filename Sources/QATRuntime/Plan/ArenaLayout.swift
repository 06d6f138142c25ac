/// Where blocks of memory lie in one arena: those whose lifetimes overlap never do.
struct ArenaLayout: Sendable {
  /// One offset a block, each a multiple of 64.
  let offsets: [Int]
  /// Bytes of the arena.
  let byteCount: Int

  /// Places the largest blocks first, each in the lowest gap that is free for its lifetime. O(n²).
  /// - Parameter blocks: the bytes of each, and the first and last step that touch it.
  init(_ blocks: [(byteCount: Int, first: Int, last: Int)]) {
    var offsets = Array(repeating: 0, count: blocks.count)
    var placed: [Int] = []
    var end = 0
    let order = blocks.indices.sorted { (blocks[$0].byteCount, $1) > (blocks[$1].byteCount, $0) }
    for index in order {
      let block = blocks[index], size = Self.aligned(block.byteCount)
      let neighbours =
        placed
        .filter { blocks[$0].first <= block.last && block.first <= blocks[$0].last }
        .sorted { offsets[$0] < offsets[$1] }
      var offset = 0
      for other in neighbours {
        if offset + size <= offsets[other] { break }
        offset = max(offset, offsets[other] + Self.aligned(blocks[other].byteCount))
      }
      offsets[index] = offset
      placed.append(index)
      end = max(end, offset + size)
    }
    self.offsets = offsets
    byteCount = end
  }

  private static func aligned(_ byteCount: Int) -> Int { (max(byteCount, 1) + 63) / 64 * 64 }
}
