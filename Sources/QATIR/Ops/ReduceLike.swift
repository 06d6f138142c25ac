import QATCore

/// Sums `dy` to the shape of `x`: undoes in a gradient what broadcasting `x` did.
///
/// - Operands: `dy` float[…], of a shape that `x` broadcasts to; `x`, only its shape is read.
/// - Result: the element type of `dy`, the shape of `x`.
public struct ReduceLike: Operation {
  public static let name: OpName = "qat.ReduceLike"
  public static let operands: [OperandSpec] = [OperandSpec("dy", .floats), OperandSpec("x", .all)]
  public static let results: [ResultSpec] = ["dx"]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkBroadcasts(operands[1].knownShape, to: operands[0].knownShape, named: "x")
    return [TensorType(operands[0].element, operands[1].shape)]
  }
}
