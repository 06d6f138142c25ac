/// Threads that share the work of a kernel.
public final class ThreadPool: @unchecked Sendable {
  public let threads: Int
  public init(threads: Int) { self.threads = max(threads, 1) }
}
