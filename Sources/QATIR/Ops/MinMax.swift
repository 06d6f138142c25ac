import QATCore

/// The smallest and the largest element, of the whole tensor, of each channel or of each block.
///
/// NaN anywhere makes both NaN, so that nothing hides it; of no elements both are 0.
///
/// - Operand: `x` float[...].
/// - Results: `min`, `max`: the type of `x`, [], [C], or in blocks the shape of `x` with
///   `ceil(D/block_size)` along `axis`.
/// - Attributes: `axis`, the channel axis (absent: the whole tensor); `block_size`: neighbours along
///   `axis` that count together (0: no blocks).
public struct MinMax: Operation {
  public static let name: OpName = "qat.MinMax"
  public static let operands: [OperandSpec] = [.float("x")]
  public static let results: [ResultSpec] = ["min", "max"]
  public static let attributes: [Attribute<Self>] = [
    .init("axis", \.axis), .init("block_size", \.blockSize),
  ]

  /// The channel axis; one range where absent.
  public var axis: Int? = nil
  /// Neighbours along `axis` that count together; 0 for each channel whole.
  public var blockSize = 0

  public init() {}
  public init(axis: Int?, blockSize: Int = 0) {
    self.axis = axis
    self.blockSize = blockSize
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let shape = try parameterShape(
      of: operands[0].knownShape, axis: axis, blockSize: blockSize)
    let type = TensorType(operands[0].element, shape)
    return [type, type]
  }
}
