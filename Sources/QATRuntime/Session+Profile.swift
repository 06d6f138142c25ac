public import QATCore
public import QATIR

/// What one node costs.
public struct NodeProfile: Sendable {
  /// The node's name in the graph.
  public let name: String
  /// What it computes.
  public let op: OpName
  /// The median of the runs.
  public let nanoseconds: Double
  /// Multiply-add pairs of a run; 0 where the operation counts none.
  public let multiplyAdds: Int
  /// Bytes of its operands and results, each counted once.
  public let byteCount: Int
  /// Whether its first operand is a tensor of 8-bit codes.
  public let isOnCodes: Bool
  /// False where the reference evaluation runs it: right, and slow.
  public let isKernel: Bool

  /// 10⁹ operations a second, a multiply-add being two.
  public var gigaOps: Double { nanoseconds > 0 ? 2 * Double(multiplyAdds) / nanoseconds : 0 }

  /// The share of what the kernels of products reach, for operations that count multiply-adds.
  public func share(of peaks: KernelPeaks) -> Double {
    gigaOps / (isOnCodes ? peaks.integer : peaks.float)
  }
}

extension Session {
  /// Runs the graph several times and measures its nodes.
  /// - Parameters:
  ///   - inputs: as for `run(_:)`.
  ///   - runs: at least 1; one more goes first and does not count.
  /// - Returns: the nodes that run, in order; where a batch is run in parts, with the time of all of
  ///   them on one thread. Measuring adds some 50 ns to each.
  public func profile(
    _ inputs: [String: AnyTensor], runs: Int = 9
  ) throws(Diagnostic) -> [NodeProfile] {
    let ordered = try bind(inputs)
    _ = try timedRun(ordered)
    let first = try timedRun(ordered)
    var times = first.map { [$0.nanoseconds] }
    for _ in 1..<max(runs, 1) {
      for (index, time) in try timedRun(ordered).enumerated() {
        times[index].append(time.nanoseconds)
      }
    }
    return zip(first, times).map { part, times in
      NodeProfile(
        name: part.step.name, op: part.step.op, nanoseconds: times.sorted()[times.count / 2],
        multiplyAdds: part.step.multiplyAdds, byteCount: part.step.byteCount,
        isOnCodes: part.step.isOnCodes, isKernel: part.step.isKernel)
    }
  }

  private func timedRun(
    _ inputs: [AnyTensor]
  ) throws(Diagnostic) -> [(step: Plan.Step, nanoseconds: Double)] {
    if let times = try runner()?.timedRun(inputs) { return times }
    return try plan(for: inputs).timedRun(inputs)
  }
}
