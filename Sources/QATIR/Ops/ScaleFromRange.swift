import QATCore

/// The scale and the zero point for a range, by `RangeToParameters`: asymmetric ranges are widened
/// to hold 0, an empty one takes the size of the largest of all channels.
///
/// - Operands: `min`, `max` float, of one shape: [], [C], or one element a block.
/// - Results: `scale` of the type of `min`; `zero_point` i32; both shaped like `min`.
/// - Attributes: `grid`; `scheme`: `symmetric` or `asymmetric`; `power_of_two`: scales are rounded
///   up to powers of two; `lowest`, `highest`: where the range is cut, if it goes further.
/// - Gradient: none.
public struct ScaleFromRange: Operation {
  public static let name: OpName = "qat.ScaleFromRange"
  public static let operands: [OperandSpec] = [.float("min"), .float("max")]
  public static let results: [ResultSpec] = ["scale", "zero_point"]
  public static let attributes: [Attribute<Self>] = [
    .init("grid", \.grid), .init("scheme", \.scheme), .init("power_of_two", \.powerOfTwo),
    .init("lowest", \.lowest), .init("highest", \.highest),
  ]

  /// The codes.
  public var grid = IntegerGrid.int8
  /// Where zero lies on the grid.
  public var scheme = QuantizationScheme.symmetric
  /// Whether scales are rounded up to powers of two.
  public var powerOfTwo = false
  /// The range begins here at the earliest; `nil` for where it was observed.
  public var lowest: Float? = nil
  /// The range ends here at the latest; `nil` for where it was observed.
  public var highest: Float? = nil

  public init() {}
  public init(grid: IntegerGrid, scheme: QuantizationScheme, powerOfTwo: Bool = false) {
    self.grid = grid
    self.scheme = scheme
    self.powerOfTwo = powerOfTwo
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let shape = try broadcastShape([operands[0].knownShape, operands[1].knownShape])
    guard operands[0].knownShape.rank == operands[1].knownShape.rank else {
      throw Diagnostic(
        .shapeMismatch,
        "min has shape \(operands[0].knownShape), max \(operands[1].knownShape), "
          + "expected one shape")
    }
    return [TensorType(operands[0].element, shape), TensorType(.i32, shape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    [operands.optional(0)?.element ?? .f32, .i32]
  }
}

extension QuantizationScheme: AttributeConvertible {}
