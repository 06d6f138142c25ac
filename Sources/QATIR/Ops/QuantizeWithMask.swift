import QATCore

/// The codes of a fake-quantizer, and what its gradient needs to know of each element.
///
///     q    = saturate(roundHalfToEven(x / scale) + zero_point, grid)
///     mask = grid.min <= roundHalfToEven(x / scale) + zero_point <= grid.max, before saturation
///
/// - Operands: `x` f32[...]; `scale` f32 [] or [C], > 0; `zero_point` i32, shaped like `scale`.
/// - Results: `q`, codes in the grid's container; `mask` u8[ceil(count/8)], optional: one bit an
///   element in the order they lie in memory, the first in the lowest bit of the first byte.
/// - Attributes: `grid`, of at most 8 bits; `axis`, the channel axis of `x` (absent: one scale);
///   `positive`: bits are set for elements above 0 alone, for a Relu whose result `x` is.
public struct QuantizeWithMask: Operation {
  public static let name: OpName = "qat.QuantizeWithMask"
  public static let operands: [OperandSpec] = [.f32("x"), .f32("scale"), .i32("zero_point")]
  public static let results: [ResultSpec] = ["q", ResultSpec("mask", .optional)]
  public static let attributes: [Attribute<Self>] = [
    .init("grid", \.grid), .init("axis", \.axis), .init("positive", \.positive),
  ]

  /// The codes.
  public var grid = IntegerGrid.int8
  /// The channel axis of `x`, or `nil` for one scale per tensor.
  public var axis: Int? = nil
  /// Whether bits are set for elements above 0 alone.
  public var positive = false

  public init() {}
  /// The quantizer on a grid.
  public init(grid: IntegerGrid, axis: Int? = nil) {
    self.grid = grid
    self.axis = axis
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    guard grid.bits <= 8 else {
      throw Diagnostic(.invalidAttribute, "grid \(grid) has more than 8 bits")
    }
    let shape = operands[0].knownShape
    try checkParameters(operands, Self.operands, 1, 2, of: shape, axis: axis)
    let bytes = shape.elementCount.size.map { Dimension(($0 + 7) / 8) } ?? .unknown
    return [TensorType(codes, shape), TensorType(.u8, Shape([bytes]))]
  }

  public func resultElements(_: Operands) -> [ElementType] { [codes, .u8] }

  private var codes: ElementType { grid.min < 0 ? .i8 : .u8 }
}
