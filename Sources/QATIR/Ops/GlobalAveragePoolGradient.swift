import QATCore

/// The gradient of `GlobalAveragePool`: `dy`, divided by the number of positions, goes to each.
///
/// - Operands: `dy` float[N, C, 1...]; `x` float[N, C, spatial...], the input.
/// - Result: the type of `x`.
public struct GlobalAveragePoolGradient: Operation {
  public static let name: OpName = "qat.GlobalAveragePoolGradient"
  public static let operands: [OperandSpec] = [.float("dy"), .float("x")]
  public static let results: [ResultSpec] = ["dx"]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkSeed(operands[0], of: GlobalAveragePool(), [operands[1]])
    return [operands[1]]
  }
}
