import QATCore

/// The gradient of `qat.BatchNormalizationCorrection`; the batch's statistics are computed again.
///
///     k = scale / √(variance + epsilon);  v = var(x) + k²·epsilon;  h = (x - mean(x)) / √v
///     dbias = Σ dy;  dscale = sign(scale) · Σ dy·h · var(x)/v;  dfolded_bias = 0
///     dx = |scale|/√v · (dy - Σ dy/m - h · Σ dy·h/m)        over all axes but 1, m elements a channel
///
/// In a channel that keeps its running statistics: dx = dy, dfolded_bias = Σ dy, the others 0.
///
/// - Operands: `dy`, `x` float[N,C,…]; `scale`, the running `variance` float[C].
/// - Results: `dx`, `dscale`, `dbias`, `dfolded_bias`.
public struct BatchNormalizationCorrectionGradient: Operation {
  public static let name: OpName = "qat.BatchNormalizationCorrectionGradient"
  public static let operands: [OperandSpec] = [
    .float("dy"), .float("x"), .float("scale"), .float("variance"),
  ]
  public static let results: [ResultSpec] = ["dx", "dscale", "dbias", "dfolded_bias"]
  public static let attributes: [Attribute<Self>] = [.init("epsilon", \.epsilon)]
  /// Added to the variance, so that its root is never 0.
  public var epsilon: Float = 1e-5
  public init() {}
  public init(epsilon: Float) { self.epsilon = epsilon }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkBatchNormalizationGradient(operands, Self.operands)
    return [operands[1], operands[2], operands[2], operands[2]]
  }
}
