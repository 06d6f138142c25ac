import QATCore

/// `dy` where `y > 0`, else 0: the gradient of `Relu`, by its result.
///
/// - Operands: `dy`, `y`: float[...], of one shape.
public struct ReluGradient: Operation {
  public static let name: OpName = "qat.ReluGradient"
  public static let operands: [OperandSpec] = [.float("dy"), .float("y")]
  public static let results: [ResultSpec] = ["dx"]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkSameShape(operands, [0, 1], of: Self.operands)
    return [operands[1]]
  }
}
