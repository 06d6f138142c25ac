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
  /// - Returns: the nodes that run, in order. Measuring adds some 50 ns to each.
  public func profile(
    _ inputs: [String: AnyTensor], runs: Int = 9
  ) throws(Diagnostic) -> [NodeProfile] {
    let ordered = try bind(inputs)
    let plan = try plan(for: ordered)
    _ = try plan.timedRun(ordered)
    var times: [[Double]] = []
    for _ in 0..<max(runs, 1) { times.append(try plan.timedRun(ordered)) }
    return plan.steps.enumerated().map { index, step in
      let node = plan.graph[step.node]
      let values = Set((node.operands + node.results).compactMap { $0 })
      return NodeProfile(
        name: step.name, op: node.op.name,
        nanoseconds: times.map { $0[index] }.sorted()[times.count / 2],
        multiplyAdds: step.multiplyAdds,
        byteCount: values.reduce(0) { $0 + plan.graph[$1].type.byteCount },
        isOnCodes: node.operands.first.flatMap { $0 }.map {
          Set.codes8.contains(plan.graph[$0].type.element)
        } ?? false, isKernel: step.isKernel)
    }
  }
}

extension TensorType {
  /// Bytes of a tensor of this type; 0 where its shape is unknown.
  fileprivate var byteCount: Int {
    shape?.sizes.map { element.byteCount($0.reduce(1, *)) } ?? 0
  }
}
