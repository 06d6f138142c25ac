import QATCore

/// The clipped straight-through gradient of `qat.FakeQuantize`: `dy` where no code saturates, else
/// 0.
///
///     dx = dy where grid.min <= roundHalfToEven(x / scale) + zero_point <= grid.max, else 0
///
/// - Operands: `dy` and `x` float, of one shape; `scale` and `zero_point` as for
///   `qat.FakeQuantize`.
/// - Result: the type of `x`.
/// - Source: Krishnamoorthi, arXiv:1806.08342, section 2.4.
public struct FakeQuantizeGradient: Operation {
  public static let name: OpName = "qat.FakeQuantizeGradient"
  public static let operands: [OperandSpec] = [
    .float("dy"), .float("x"), .float("scale"), .i32("zero_point"),
  ]
  public static let results: [ResultSpec] = ["dx"]
  public static let attributes: [Attribute<Self>] = [
    .init("grid", \.grid), .init("axis", \.axis), .init("block_size", \.blockSize),
  ]

  /// The codes.
  public var grid = IntegerGrid.int8
  /// The channel axis of `x`, or `nil` for one scale per tensor.
  public var axis: Int? = nil
  /// Neighbours along `axis` that share a scale; 0 for one scale a channel.
  public var blockSize = 0

  public init() {}
  public init(grid: IntegerGrid, axis: Int? = nil, blockSize: Int = 0) {
    self.grid = grid
    self.axis = axis
    self.blockSize = blockSize
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[1]
    _ = try broadcastShape([operands[0].knownShape, x.knownShape])
    try checkParameters(
      operands, Self.operands, 2, 3, of: x.knownShape, axis: axis, blockSize: blockSize)
    return [x]
  }
}
