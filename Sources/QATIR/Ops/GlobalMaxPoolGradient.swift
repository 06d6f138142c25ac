import QATCore

/// The gradient of `GlobalMaxPool`: `dy` goes to the largest element of its channel, the first of
/// equals.
///
/// - Operands: `dy` float[N, C, 1...]; `x` float[N, C, spatial...], the input.
/// - Result: the type of `x`.
public struct GlobalMaxPoolGradient: Operation {
  public static let name: OpName = "qat.GlobalMaxPoolGradient"
  public static let operands: [OperandSpec] = [.float("dy"), .float("x")]
  public static let results: [ResultSpec] = ["dx"]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkSeed(operands[0], of: GlobalMaxPool(), [operands[1]])
    return [operands[1]]
  }
}
