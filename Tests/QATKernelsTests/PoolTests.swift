import CQATKernels
import Synchronization
import Testing

extension KernelTests {
  @Suite("The thread pool")
  struct PoolTests {
    /// How often each chunk ran.
    final class Counts: Sendable {
      nonisolated(unsafe) let pool: OpaquePointer?
      init(_ chunks: Int, _ pool: OpaquePointer?) {
        self.pool = pool
        storage = .init(Array(repeating: 0, count: chunks))
      }
      private let storage: Mutex<[Int]>
      func add(_ chunk: Int) { storage.withLock { $0[chunk] += 1 } }
      var all: [Int] { storage.withLock { $0 } }

      func run(_ chunks: Int) {
        qat_pool_run(
          pool, Int64(chunks),
          { context, chunk, _ in
            Unmanaged<Counts>.fromOpaque(context!).takeUnretainedValue().add(Int(chunk))
          }, Unmanaged.passUnretained(self).toOpaque())
      }
    }

    @Test("runs each chunk once, job after job", arguments: [1, 2, 3, 7])
    func runOnce(_ threads: Int) {
      let pool = Pool(threads)
      for job in 0..<500 {
        let chunks = job % 23
        let counts = Counts(chunks, pool.pool)
        counts.run(chunks)
        #expect(counts.all == Array(repeating: 1, count: chunks))
      }
    }

    @Test("takes calls from several threads at once")
    func shareAmongCallers() async {
      let pool = Pool(3)
      let counts = Counts(40, pool.pool)
      await withTaskGroup(of: Void.self) { group in
        for _ in 0..<4 { group.addTask { for _ in 0..<50 { counts.run(40) } } }
      }
      #expect(counts.all == Array(repeating: 200, count: 40))
      withExtendedLifetime(pool) {}
    }

    @Test("runs a loop inside a chunk on that chunk's thread")
    func nest() {
      let pool = Pool(3)
      let inner = Counts(5, pool.pool)
      qat_pool_run(
        pool.pool, 6,
        { context, _, _ in Unmanaged<Counts>.fromOpaque(context!).takeUnretainedValue().run(5) },
        Unmanaged.passUnretained(inner).toOpaque())
      #expect(inner.all == Array(repeating: 6, count: 5))
    }
  }
}
