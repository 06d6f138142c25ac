import QATCore

/// The gradient of `BatchNormalization` with fixed statistics.
///
///     dx = dy · scale / √(variance + epsilon)
///     dscale = Σ dy · (x - mean) / √(variance + epsilon);  dbias = Σ dy
///
/// - Operands: `dy`, `x` float[N,C,…]; `scale`, `mean`, `variance` float[C].
/// - Results: `dx`, `dscale`, `dbias`.
public struct BatchNormalizationInferenceGradient: Operation {
  public static let name: OpName = "qat.BatchNormalizationInferenceGradient"
  public static let operands: [OperandSpec] = [
    .float("dy"), .float("x"), .float("scale"), .float("mean"), .float("variance"),
  ]
  public static let results: [ResultSpec] = ["dx", "dscale", "dbias"]
  public static let attributes: [Attribute<Self>] = [.init("epsilon", \.epsilon)]
  /// Added to the variance, so that its root is never 0.
  public var epsilon: Float = 1e-5
  public init() {}
  public init(epsilon: Float) { self.epsilon = epsilon }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkBatchNormalizationGradient(operands, Self.operands)
    return [operands[1], operands[2], operands[2]]
  }
}
