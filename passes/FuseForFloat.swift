import QATCore
import QATIR
import QATRewrite

/// Finds operations in pieces that are one operation in float, but several on integers.
///
///     %1 = Sigmoid(%x)
///     %y = Mul(%x, %1)
///     ->
///     %y = Swish(%x)
///
/// `Swish` and `Attention`: their pieces have integer kernels (QLinearSigmoid and QLinearMul, two
/// QLinearMatMul), the whole has none. So `canonicalize` leaves them in pieces, and this is for models
/// that stay in float. The pipelines of quantization do the opposite, `expand-for-integers`.
public struct FuseForFloat: Pass {
  public static let name: PassName = "fuse-for-float"
  public static let summary = "find Swish and Attention in pieces; for models that stay in float"
  public static let effect: Effect = .within(relativeTolerance: 1e-5)
  public static let entersBodies = true

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    try applyRules([Simplify<Mul>(swishForm), Simplify<MatMul>(attentionForm)], to: &graph)
  }
}
