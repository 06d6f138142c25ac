import QATCore

/// The gradient of `GatherND`: zeros, to which each part of `dy` is added where it was picked.
///
/// - Operands: `dy` float, shaped like the result; `x`, what was picked from, for its shape;
///   `indices` as of `GatherND`.
/// - Result: the type of `x`.
/// - Attribute: `batch_dims` of the `GatherND`.
public struct GatherNDGradient: Operation {
  public static let name: OpName = "qat.GatherNDGradient"
  public static let operands: [OperandSpec] = [.float("dy"), .float("x"), .i64("indices")]
  public static let results: [ResultSpec] = ["dx"]
  public static let attributes: [Attribute<Self>] = [.init("batch_dims", \.batchDimensions)]

  /// How many leading axes the operands share.
  public var batchDimensions = 0

  public init() {}
  public init(batchDimensions: Int) { self.batchDimensions = batchDimensions }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let forward = GatherND(batchDimensions: batchDimensions)
    try checkSeed(operands[0], of: forward, [operands[1], operands[2]])
    return [operands[1]]
  }
}
