import QATCore

/// The gradient of `BatchNormalization` in training mode; the batch's statistics are computed again.
///
///     x̂ = (x - mean) / √(variance + epsilon)       over all axes but 1, m elements a channel
///     dbias = Σ dy;  dscale = Σ dy·x̂
///     dx = scale / √(variance + epsilon) · (dy - dbias/m - x̂·dscale/m)
///
/// - Operands: `dy`, `x` float[N,C,…]; `scale` float[C].
/// - Results: `dx`, `dscale`, `dbias`.
/// - Source: Ioffe, Szegedy, arXiv:1502.03167, section 3.
public struct BatchNormalizationGradient: Operation {
  public static let name: OpName = "qat.BatchNormalizationGradient"
  public static let operands: [OperandSpec] = [.float("dy"), .float("x"), .float("scale")]
  public static let results: [ResultSpec] = ["dx", "dscale", "dbias"]
  public static let attributes: [Attribute<Self>] = [.init("epsilon", \.epsilon)]
  /// Added to the variance, as forward.
  public var epsilon: Float = 1e-5
  public init() {}
  public init(epsilon: Float) { self.epsilon = epsilon }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkBatchNormalizationGradient(operands, Self.operands)
    return [operands[1], operands[2], operands[2]]
  }
}

/// Shapes of `dy`, `x` and the vectors after them.
func checkBatchNormalizationGradient(
  _ operands: Operands, _ specs: [OperandSpec]
) throws(Diagnostic) {
  try checkSameShape(operands, [1, 0], of: specs)
  let x = operands[1].knownShape
  guard x.rank >= 2 else {
    throw Diagnostic(.shapeMismatch, "x has shape \(x), expected [N,C,…]")
  }
  for index in 2..<specs.count { try checkVector(operands, index, size: x[1], of: specs) }
}
