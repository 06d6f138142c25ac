internal import CQATKernels

/// Threads that share the work of a kernel: the calling thread and pinned workers.
///
/// What each chunk of work is depends on shapes alone, so results do not depend on the thread count.
/// `@unchecked Sendable`: a pool that is in use runs a second caller's work on that caller's thread.
@safe public final class ThreadPool: @unchecked Sendable {
  // SAFETY: made in `init`, destroyed in `deinit`; `nil` is a valid pool of one thread.
  let pool: OpaquePointer?
  /// How many threads work, the caller's among them.
  public let threads: Int

  /// The calling thread alone.
  public static let single = ThreadPool(threads: 1)

  /// - Parameter threads: 0 for one on each core that the process may use.
  public init(threads: Int) {
    unsafe pool = qat_pool_create(Int32(threads))
    self.threads = unsafe Int(qat_pool_threads(pool))
  }

  deinit { unsafe qat_pool_destroy(pool) }
}
