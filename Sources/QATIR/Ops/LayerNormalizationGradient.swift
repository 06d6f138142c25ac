import QATCore

/// The gradient of `LayerNormalization`; its statistics are computed again.
///
///     x̂ = (x - mean) / √(variance + epsilon);  g = dy · scale
///     dx = (g - mean(g) - x̂ · mean(g·x̂)) / √(variance + epsilon)
///     dscale = dy · x̂, summed to the shape of scale
///
/// - Operands: `dy`, `x` float[…]; `scale`, broadcast to the shape of `x`.
/// - Results: `dx`, `dscale`; the bias' gradient is `qat.ReduceLike(dy, bias)`.
public struct LayerNormalizationGradient: Operation {
  public static let name: OpName = "qat.LayerNormalizationGradient"
  public static let operands: [OperandSpec] = [.float("dy"), .float("x"), .float("scale")]
  public static let results: [ResultSpec] = ["dx", "dscale"]
  public static let attributes: [Attribute<Self>] = [
    .init("axis", \.axis), .init("epsilon", \.epsilon),
  ]
  /// The first of the axes that are normalized together.
  public var axis = -1
  /// Added to the variance, so that its root is never 0.
  public var epsilon: Float = 1e-5
  public init() {}
  public init(axis: Int, epsilon: Float) {
    self.axis = axis
    self.epsilon = epsilon
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkSameShape(operands, [1, 0], of: Self.operands)
    let x = operands[1].knownShape
    _ = try checkedAxis(axis, rank: x.rank)
    try checkBroadcasts(operands[2].knownShape, to: x, named: "scale")
    return [operands[1], operands[2]]
  }
}
