import QATCore
import QATIR
import QATRewrite

/// Lets products of float32 round their operands to bfloat16, and sum in float32.
///
///     %y = Conv(%x, %w)
///     ->
///     %y = Conv(%x, %w) note("qat.matmul-precision" = "bf16")
///
/// Convolutions and matrix products, and their gradients. Nothing else changes: results,
/// normalisations, losses and updates are float32. Depthwise convolutions, which wait for memory, and
/// what has no kernel do not round.
public struct RoundProducts: Pass {
  public static let name: PassName = "round-products"
  public static let summary = "multiply in bfloat16, sum in float32"
  public static let effect: Effect = .changesNumerics("factors keep 8 significant bits")

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    for id in graph.nodes {
      let node = graph[id]
      guard node.op.isProduct, let x = node.operands[0], graph[x].type.element == .f32 else {
        continue
      }
      graph.setMetadata(Node.precisionNote, of: id, to: "bf16")
    }
  }
}

extension Operation {
  fileprivate var isProduct: Bool {
    self is Conv || self is ConvInputGradient || self is ConvWeightGradient || self is Gemm
      || self is MatMul
  }
}
