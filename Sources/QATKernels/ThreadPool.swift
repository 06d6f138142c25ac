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

  /// Does `count` pieces of work in parts, several at a time: the first `step` of them, the next, ….
  ///
  /// - Parameters:
  ///   - step: a function of sizes alone, so that no result depends on the number of threads.
  ///   - body: called on several threads at once, each time for other pieces.
  public func share(_ count: Int, by step: Int = ThreadPool.elements, _ body: (Range<Int>) -> Void)
  {
    let step = max(step, 1)
    if count <= step || threads == 1 { return body(0..<count) }
    withoutActuallyEscaping(body) { body in
      var work = { (part: Int) in body(part * step..<min((part + 1) * step, count)) }
      // SAFETY: the closure outlives the call, which returns when all parts are done.
      unsafe withUnsafeMutablePointer(to: &work) { work in
        unsafe qat_pool_run(
          pool, Int64((count + step - 1) / step),
          { context, part, _ in
            unsafe context?.assumingMemoryBound(to: ((Int) -> Void).self).pointee(Int(part))
          }, work)
      }
    }
  }

  /// Elements that are worth a part of their own: waking a thread takes as long as some thousands.
  public static let elements = 16384

  /// How many rows of so many elements are.
  public static func rows(of length: Int) -> Int { max(1, elements / max(length, 1)) }
}
