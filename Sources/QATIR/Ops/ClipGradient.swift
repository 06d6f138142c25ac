import QATCore

/// `dy` where `min <= x <= max`, else 0: the gradient of `Clip` with respect to `x`.
///
/// - Operands: `dy`, `x`: float[...], of one shape; `min`, `max`: scalars, optional.
public struct ClipGradient: Operation {
  public static let name: OpName = "qat.ClipGradient"
  public static let operands: [OperandSpec] = [
    .float("dy"), .float("x"), .float("min", .optional), .float("max", .optional),
  ]
  public static let results: [ResultSpec] = ["dx"]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkSameShape(operands, [0, 1], of: Self.operands)
    return [operands[1]]
  }
}
