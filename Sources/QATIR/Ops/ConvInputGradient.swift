import QATCore

/// The gradient of `Conv` with respect to its input.
///
///     dx[n, c, i] = sum of dy[n, m, o] * w[m, c, k]
///     over all m, o, k with i = o*stride - pad + k*dilation
///
/// - Operands: `dy` float[N, M, ...]; `w` float[M, C/group, kernel...]; `x`, the input, for its
///   shape.
/// - Result: the type of `x`.
/// - Attributes: those of `Conv`.
public struct ConvInputGradient: ConvolutionOperation {
  public static let name: OpName = "qat.ConvInputGradient"
  public static let operands: [OperandSpec] = [.float("dy"), .float("w"), .float("x")]
  public static let results: [ResultSpec] = ["dx"]
  public static let attributes = convolutionAttributes

  public var window = WindowAttributes()
  public var group = 1

  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let forward = Conv(window, group: group)
    try checkSeed(operands[0], of: forward, [operands[2], operands[1]])
    return [operands[2]]
  }
}

/// Checks that a seed has the shape of the first result of the operation it belongs to.
func checkSeed(
  _ dy: TensorType, of op: any Operation, _ operands: [TensorType?]
) throws(Diagnostic) {
  let types = try op.resultTypes(Operands(operands.map { $0.map { Operands.Operand($0) } }))
  guard let expected = types.first?.shape, let shape = dy.shape else { return }
  let agree =
    shape.rank == expected.rank
    && zip(shape.dimensions, expected.dimensions).allSatisfy {
      $0.size == nil || $1.size == nil || $0 == $1
    }
  guard agree else {
    throw Diagnostic(.shapeMismatch, "dy has shape \(shape), but the result has \(expected)")
  }
}
