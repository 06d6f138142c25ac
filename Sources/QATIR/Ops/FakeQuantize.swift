import QATCore

/// Rounds `x` to an integer grid and maps it back, so that training sees the error of the integers.
///
///     q = saturate(roundHalfToEven(x / scale) + zero_point, grid)
///     y = (q - zero_point) * scale
///
/// - Operands: `x` float[...]; `scale` of the type of `x`, [], [C], or in blocks the shape of `x`
///   with `ceil(D/block_size)` along `axis`, > 0, in units of `x` per step; `zero_point` i32, shaped
///   like `scale`, inside the grid.
/// - Result: the type of `x`.
/// - Attributes: `grid`; `axis`, the channel axis of `x` (absent: one scale per tensor);
///   `block_size`: that many neighbours along `axis` share a scale, the last ones may be fewer (0: no
///   blocks);
///   `straight_through`: `clipped` or `plain`; `bypass`: the operation is the identity (training in
///   float before quantization starts).
/// - Gradient of `x`: `clipped`: `dy` where `grid.min <= roundHalfToEven(x / scale) + zero_point <=
///   grid.max`, tested before saturation, else 0; `plain`: `dy`. None of scale and zero point.
/// - Source: Jacob et al., arXiv:1712.05877, section 3; Bengio et al., arXiv:1308.3432.
public struct FakeQuantize: Operation {
  public static let name: OpName = "qat.FakeQuantize"
  public static let operands: [OperandSpec] = [.float("x"), .float("scale"), .i32("zero_point")]
  public static let attributes: [Attribute<Self>] = [
    .init("grid", \.grid), .init("axis", \.axis), .init("block_size", \.blockSize),
    .init("straight_through", \.straightThrough), .init("bypass", \.bypass),
  ]

  public var grid = IntegerGrid.int8
  /// The channel axis of `x`, or `nil` for one scale per tensor.
  public var axis: Int? = nil
  /// Neighbours along `axis` that share a scale; 0 for one scale a channel.
  public var blockSize = 0
  /// `clipped` or `plain`.
  public var straightThrough = "clipped"
  /// Whether the operation is the identity.
  public var bypass = false

  public init() {}
  public init(
    grid: IntegerGrid, axis: Int? = nil, blockSize: Int = 0, straightThrough: String = "clipped"
  ) {
    self.grid = grid
    self.axis = axis
    self.blockSize = blockSize
    self.straightThrough = straightThrough
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    guard ["clipped", "plain"].contains(straightThrough) else {
      throw Diagnostic(
        .invalidAttribute, "straight_through is \"\(straightThrough)\"",
        hint: "use \"clipped\" or \"plain\"")
    }
    try checkParameters(
      operands, Self.operands, 1, 2, of: operands[0].knownShape, axis: axis, blockSize: blockSize)
    return [operands[0]]
  }
}

extension FakeQuantize: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    guard call.needs(0) else { return [nil, nil, nil] }
    if bypass || straightThrough == "plain" { return [call.seed, nil, nil] }
    let dx = builder.emit(
      FakeQuantizeGradient(grid: grid, axis: axis, blockSize: blockSize),
      [call.seed, call.operand(0), call.operand(1), call.operand(2)])
    return [dx, nil, nil]
  }
}

/// Checks that two operands, such as a scale and a zero point, have the shape that `axis` asks for.
func checkParameters(
  _ operands: Operands, _ names: [OperandSpec], _ first: Int, _ second: Int, of shape: Shape,
  axis: Int?, blockSize: Int = 0
) throws(Diagnostic) {
  let expected = try parameterShape(of: shape, axis: axis, blockSize: blockSize)
  for index in [first, second] {
    let name = names[index].name
    let found = operands[index].knownShape
    if found.rank == expected.rank,
      zip(found.dimensions, expected.dimensions).allSatisfy({
        $0 == $1 || $0.size == nil || $1.size == nil
      })
    {
      continue
    }
    throw Diagnostic(
      .shapeMismatch, "\(name) has shape \(found), expected \(expected)",
      hint: axis == nil ? "set `axis` for one scale per channel" : nil)
  }
}

/// The shape of a scale or zero point: `[]` per tensor, `[C]` along an axis, and in blocks the shape
/// itself with `ceil(D/blockSize)` along the axis.
public func parameterShape(
  of shape: Shape, axis: Int?, blockSize: Int = 0
) throws(Diagnostic) -> Shape {
  guard let axis else {
    guard blockSize == 0 else {
      throw Diagnostic(
        .invalidAttribute, "block_size \(blockSize) without an axis", hint: "set `axis`")
    }
    return []
  }
  let channels = try checkedAxis(axis, rank: shape.rank)
  guard blockSize != 0 else { return [shape[channels]] }
  guard blockSize > 0 else {
    throw Diagnostic(.invalidAttribute, "block_size \(blockSize) is negative")
  }
  var result = shape
  result[channels] = shape[channels].size.map { Dimension(($0 - 1) / blockSize + 1) } ?? .unknown
  return result
}
