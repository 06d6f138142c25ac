import QATCore
import QATIR
import QATRewrite

/// Lets a convolution of codes add the other codes of the sum behind it while its results are in
/// registers.
///
///     %1 = qat.NhwcQLinearConv(%x, ...)                       // nobody else reads %1
///     %2 = com.microsoft.QLinearAdd(%1, ..., %v, ...)         // of one shape
///     ->
///     %2 = qat.NhwcQLinearConvAdd(%x, ..., %v, ...)
public struct FuseEpilogues: RewritePass {
  public static let name: PassName = "fuse-epilogues"
  public static let summary = "let convolutions add what is added to them"
  public static let effect: Effect = .exact

  public init() {}

  private let sum = Capture<QLinearAdd>("sum")

  public var pattern: Pattern {
    sum.pattern.where { value, graph in
      graph.producer(of: value).map { graph.fusedSum($0) != nil } ?? false
    }
  }

  public func rewrite(_ match: Match, in graph: inout GraphEditor) {
    let node = match[sum]
    guard let fused = graph.graph.fusedSum(node) else { return }
    graph.replace(node, with: fused.op, fused.operands.map { $0.map { Term($0) } })
  }
}

extension Graph {
  /// What a sum becomes with the convolution of its first summand that is one.
  fileprivate func fusedSum(_ id: NodeID) -> (op: Nhwc<QLinearConvAdd>, operands: [ValueID?])? {
    let sum = self[id].operands
    guard sum.count == 8, sum.allSatisfy({ $0 != nil }), let a = sum[0], let b = sum[3], a != b,
      self[a].type.shape == self[b].type.shape
    else { return nil }
    for (own, other) in [(a, 3), (b, 0)] {
      guard isUsedOnce(own), let (node, op) = operation(Nhwc<QLinearConv>.self, of: own)
      else { continue }
      let absent = Array(repeating: ValueID?.none, count: 9 - self[node].operands.count)
      return (
        Nhwc(QLinearConvAdd(op.base, sumFirst: other == 0)),
        self[node].operands + absent + sum[other..<other + 3] + sum[6..<8]
      )
    }
    return nil
  }
}
