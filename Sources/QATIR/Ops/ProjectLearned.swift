import QATCore

/// What the optimizer made of a learned quantizer's parameters, put back where they mean something, by
/// `LearnedQuantizer.projected`; and what the batches say as long as they are followed.
///
///     parameter' = count < limit ? observed : max(updated, 2^-20 · initial)
///     lsq+: shift' = count < limit ? observed : clamp(updated, -grid.max · parameter', -grid.min · parameter')
///
/// - Operands: `parameter`, `shift` after the optimizer; `observed_parameter`, `observed_shift`,
///   `initial`: results of `qat.LearnRange`; all float, [] or [C]; `count` i64[]: its operand;
///   `projections` i64[]: how often something was put back.
/// - Results: the new `parameter`, `shift` and `projections`.
/// - Attributes: `grid`, `scheme`, `method`; `limit`, 0 where nothing is followed any more.
public struct ProjectLearned: Operation {
  public static let name: OpName = "qat.ProjectLearned"
  public static let operands: [OperandSpec] = [
    .float("parameter"), .float("shift"), .float("observed_parameter"), .float("observed_shift"),
    .float("initial"), .i64("count"), .i64("projections"),
  ]
  public static let results: [ResultSpec] = ["parameter", "shift", "projections"]
  public static let attributes: [Attribute<Self>] = [
    .init("grid", \.grid), .init("scheme", \.scheme), .init("method", \.method),
    .init("limit", \.limit),
  ]

  /// The codes.
  public var grid = IntegerGrid.int8
  /// Where zero lies on the grid.
  public var scheme = QuantizationScheme.symmetric
  /// What is learned, and how.
  public var method = LearnedMethod.lsq
  /// Batches after which the state stays; 0 for never.
  public var limit = 0

  public init() {}
  /// With the settings of the quantizer whose state it puts back.
  public init(_ range: LearnRange) {
    (grid, scheme, method) = (range.grid, range.scheme, range.method)
    limit = range.training ? range.limit : 0
  }

  /// How parameters become a scale and a zero point.
  public var quantizer: LearnedQuantizer {
    LearnedQuantizer(method, grid: grid, scheme: scheme)
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkSameShapes(operands, [0, 1, 2, 3, 4])
    return [operands[0], operands[1], operands[6]]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    let element = operands.optional(0)?.element ?? .f32
    return [element, element, .i64]
  }
}
