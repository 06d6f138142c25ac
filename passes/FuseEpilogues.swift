import QATCore
import QATIR
import QATRewrite

/// Lets convolutions do what is done to their results while these are in registers.
///
///     %1 = qat.NhwcQLinearConv(%x, ...)                       // nobody else reads %1
///     %2 = com.microsoft.QLinearAdd(%1, ..., %v, ...)         // of one shape
///     %3 = qat.NhwcConv(%u, %w, %b)                           // nobody else reads %3, %4
///     %4 = Add(%3, %z)                                        // of one shape
///     %5 = Relu(%4)                                           // or a Clip
///     ->
///     %2 = qat.NhwcQLinearConvAdd(%x, ..., %v, ...)
///     %5 = qat.NhwcFusedConv(%u, %w, %b, %z) {activation = "Relu"}
public struct FuseEpilogues: Pass {
  public static let name: PassName = "fuse-epilogues"
  public static let summary = "let convolutions do the sum and the activation behind them"
  public static let effect: Effect = .exact
  public static let entersBodies = true

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    var editor = GraphEditor(graph)
    for id in graph.nodes where editor.graph.contains(id) {
      guard let fused = editor.graph.fusedSum(id) ?? editor.graph.fusedActivation(id) else {
        continue
      }
      let operands = editor.graph[fused.convolution].operands
      let name = editor.graph[fused.convolution].name
      editor.replace(
        id, with: fused.op, (operands + fused.more).map { $0.map { Term($0) } })
      // The layer is the convolution.
      if let new = editor.builder.emitted.last, editor.graph.node(named: name) == nil {
        editor.builder.graph.rename(new, to: name)
      }
    }
    if let failure = editor.builder.failure { throw failure }
    graph = editor.graph
  }
}

/// A convolution with what is done to its result.
private struct FusedConvolution {
  let op: any Operation
  let convolution: NodeID
  /// Operands behind those of the convolution.
  var more: [ValueID?] = []
}

extension Graph {
  /// What a sum becomes with the convolution of its first summand that is one.
  fileprivate func fusedSum(_ id: NodeID) -> FusedConvolution? {
    let sum = self[id].operands
    if self[id].op is Add, let a = sum[0], let b = sum[1] {
      return fusedSum(a, b) ?? fusedSum(b, a)
    }
    guard self[id].op is QLinearAdd, sum.count == 8, sum.allSatisfy({ $0 != nil }), let a = sum[0],
      let b = sum[3], a != b, self[a].type.shape == self[b].type.shape
    else { return nil }
    for (own, other) in [(a, 3), (b, 0)] {
      guard isUsedOnce(own), let (node, op) = operation(Nhwc<QLinearConv>.self, of: own)
      else { continue }
      let absent = Array(repeating: ValueID?.none, count: 9 - self[node].operands.count)
      return FusedConvolution(
        op: Nhwc(QLinearConvAdd(op.base, sumFirst: other == 0)), convolution: node,
        more: absent + sum[other..<other + 3] + sum[6..<8])
    }
    return nil
  }

  /// The sum of a float convolution's result and another value of its shape.
  private func fusedSum(_ own: ValueID, _ other: ValueID) -> FusedConvolution? {
    guard own != other, self[own].type == self[other].type, isUsedOnce(own),
      let (node, op) = operation(Nhwc<Conv>.self, of: own)
    else { return nil }
    let absent = Array(repeating: ValueID?.none, count: 3 - self[node].operands.count)
    return FusedConvolution(
      op: Nhwc(FusedConv(op.base)), convolution: node, more: absent + [other])
  }

  /// A Relu or Clip as part of the float convolution that it alone reads.
  fileprivate func fusedActivation(_ id: NodeID) -> FusedConvolution? {
    guard let bounds = clampingBounds(of: id), let x = self[id].operands[0], isUsedOnce(x),
      bounds.low <= bounds.high, let node = producer(of: x)
    else { return nil }
    var fused: FusedConv
    switch self[node].op {
    case let op as Nhwc<Conv>: fused = FusedConv(op.base)
    case let op as Nhwc<FusedConv> where op.base.activation.isEmpty: fused = op.base
    default: return nil
    }
    fused.activation = self[id].op is Relu ? "Relu" : "Clip"
    if !(self[id].op is Relu) { fused.parameters = [bounds.low, bounds.high] }
    return FusedConvolution(op: Nhwc(fused), convolution: node)
  }
}
