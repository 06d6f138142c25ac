import QATCore

/// The gradient of `Conv` with respect to its weights.
///
///     dw[m, c, k] = sum over n, o of dy[n, m, o] * x[n, g*C/group + c, i]
///     i = o*stride - pad + k*dilation
///
/// - Operands: `dy` float[N, M, ...]; `x` float[N, C, ...]; `w`, the weights, for their shape.
/// - Result: the type of `w`.
/// - Attributes: those of `Conv`.
public struct ConvWeightGradient: ConvolutionOperation {
  public static let name: OpName = "qat.ConvWeightGradient"
  public static let operands: [OperandSpec] = [.float("dy"), .float("x"), .float("w")]
  public static let results: [ResultSpec] = ["dw"]
  public static let attributes = convolutionAttributes

  public var window = WindowAttributes()
  public var group = 1

  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let forward = Conv(window, group: group)
    try checkSeed(operands[0], of: forward, [operands[1], operands[2]])
    return [operands[2]]
  }
}
