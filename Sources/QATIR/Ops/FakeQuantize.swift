import QATCore

/// Rounds `x` to an integer grid and maps it back, so that training sees the error of the integers.
///
///     q = saturate(roundHalfToEven(x / scale) + zero_point, grid)
///     y = (q - zero_point) * scale
///
/// - Operands: `x` float[...]; `scale` of the type of `x`, [] or [C], > 0, in units of `x` per step;
///   `zero_point` i32, shaped like `scale`, inside the grid.
/// - Result: the type of `x`.
/// - Attributes: `grid`; `axis`, the channel axis of `x` (absent: one scale per tensor);
///   `straight_through`: `clipped` (gradient only where no code saturates) or `plain`.
/// - Source: Jacob et al., arXiv:1712.05877, section 3; Bengio et al., arXiv:1308.3432.
public struct FakeQuantize: Operation {
  public static let name: OpName = "qat.FakeQuantize"
  public static let operands: [OperandSpec] = [.float("x"), .float("scale"), .i32("zero_point")]
  public static let attributes: [Attribute<Self>] = [
    .init("grid", \.grid), .init("axis", \.axis), .init("straight_through", \.straightThrough),
  ]

  public var grid = IntegerGrid.int8
  /// The channel axis of `x`, or `nil` for one scale per tensor.
  public var axis: Int? = nil
  /// `clipped` or `plain`.
  public var straightThrough = "clipped"

  public init() {}
  public init(grid: IntegerGrid, axis: Int? = nil, straightThrough: String = "clipped") {
    self.grid = grid
    self.axis = axis
    self.straightThrough = straightThrough
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0]
    let expected = try parameterShape(of: x.knownShape, axis: axis)
    for index in [1, 2] where operands[index].knownShape != expected {
      throw Diagnostic(
        .shapeMismatch,
        "\(Self.operands[index].name) has shape \(operands[index].knownShape), expected \(expected)",
        hint: axis == nil ? "set `axis` for one scale per channel" : nil)
    }
    return [x]
  }
}

/// The shape of a scale or zero point: `[]` per tensor, `[C]` along an axis.
public func parameterShape(of shape: Shape, axis: Int?) throws(Diagnostic) -> Shape {
  guard let axis else { return [] }
  return [shape[try checkedAxis(axis, rank: shape.rank)]]
}
