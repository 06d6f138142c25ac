import QATCore

/// The gradient of `TopK`: zeros, and `dy` where the chosen elements stood.
///
/// - Operands: `dy`; `indices` i64 along the axis, of its shape, no two in a line the same; `x`,
///   only its shape is read.
public struct TopKGradient: Operation {
  public static let name: OpName = "qat.TopKGradient"
  public static let operands: [OperandSpec] = [.float("dy"), .i64("indices"), .float("x")]
  public static let results: [ResultSpec] = ["dx"]
  public static let attributes: [Attribute<Self>] = [.init("axis", \.axis)]
  /// The axis that was searched.
  public var axis = -1
  public init() {}
  public init(axis: Int) { self.axis = axis }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    _ = try checkedAxis(axis, rank: operands[2].knownShape.rank)
    try checkSameShape(operands, [0, 1], of: Self.operands)
    guard operands[0].knownShape.rank == operands[2].knownShape.rank else {
      throw Diagnostic(
        .shapeMismatch,
        "dy has shape \(operands[0].knownShape), x \(operands[2].knownShape)")
    }
    return [operands[2]]
  }
}
