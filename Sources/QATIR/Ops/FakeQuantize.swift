import QATCore

/// Rounds `x` to an integer grid and maps it back, so that training sees the error of the integers.
///
///     q = saturate(roundHalfToEven(x / scale) + zero_point, grid)
///     y = (q - zero_point) * scale
///
/// - Operands: `x` float[...]; `scale` of the type of `x`, [], [C], or in blocks the shape of `x`
///   with `ceil(D/block_size)` along `axis`, > 0, in units of `x` per step; `zero_point` i32, shaped
///   like `scale`, inside the grid; `offset`, shaped like `scale`: the learned offset that the zero point
///   was made from, optional, for its gradient alone.
/// - Result: the type of `x`.
/// - Attributes: `grid`; `axis`, the channel axis of `x` (absent: one scale per tensor);
///   `block_size`: that many neighbours along `axis` share a scale, the last ones may be fewer (0: no
///   blocks);
///   `straight_through`: `clipped`, `plain`, or the name of a `LearnedMethod`; `bypass`: the operation is
///   the identity (training in float before quantization starts); `batched`: axis 0 counts samples;
///   `deferred`: training lets values through, because a quantizer behind a MaxPool rounds them.
/// - Gradient of `x`: `clipped`: `dy` where `grid.min <= roundHalfToEven(x / scale) + zero_point <=
///   grid.max`, tested before saturation, else 0; `plain`: `dy`; none of scale and zero point. Learned:
///   those of `qat.LearnedQuantizeGradient`.
/// - Source: Jacob et al., arXiv:1712.05877, section 3; Bengio et al., arXiv:1308.3432.
public struct FakeQuantize: Operation {
  public static let name: OpName = "qat.FakeQuantize"
  public static let operands: [OperandSpec] = [
    .float("x"), .float("scale"), .i32("zero_point"), .float("offset", .optional),
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("grid", \.grid), .init("axis", \.axis), .init("block_size", \.blockSize),
    .init("straight_through", \.straightThrough), .init("bypass", \.bypass),
    .init("batched", \.batched), .init("deferred", \.deferred),
  ]

  /// The codes.
  public var grid = IntegerGrid.int8
  /// The channel axis of `x`, or `nil` for one scale per tensor.
  public var axis: Int? = nil
  /// Neighbours along `axis` that share a scale; 0 for one scale a channel.
  public var blockSize = 0
  /// `clipped`, `plain`, or the name of a learned method.
  public var straightThrough = "clipped"
  /// Whether the operation is the identity.
  public var bypass = false
  /// Whether axis 0 counts samples: what a learned scale's gradient is measured by.
  public var batched = false
  /// Whether training lets values through: a quantizer on the same grid behind a MaxPool rounds them.
  /// Rounding keeps the order of values, so that the result is the same, but what was largest before
  /// rounding gets the gradient, and not the first of all that round to one code.
  public var deferred = false

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
    guard ["clipped", "plain"].contains(straightThrough) || learned != nil else {
      throw Diagnostic(
        .invalidAttribute, "straight_through is \"\(straightThrough)\"",
        hint: "use \"clipped\", \"plain\", \"lsq\", \"lsq+\" or \"pact\"")
    }
    try checkParameters(
      operands, Self.operands, 1, 2, of: operands[0].knownShape, axis: axis, blockSize: blockSize)
    if operands.isPresent(3) {
      try checkParameters(
        operands, Self.operands, 1, 3, of: operands[0].knownShape, axis: axis, blockSize: blockSize)
    }
    return [operands[0]]
  }
}

extension FakeQuantize {
  /// The method that trains the scale, where one does.
  public var learned: LearnedMethod? { LearnedMethod(rawValue: straightThrough) }
}

extension FakeQuantize: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let none: [ValueID?] = Array(repeating: nil, count: call.operands.count)
    if let learned, !bypass {
      var op = LearnedQuantizeGradient()
      (op.grid, op.axis, op.blockSize) = (grid, axis, blockSize)
      (op.method, op.batched) = (learned, batched)
      let results = builder.emit(
        op, [call.seed, call.operand(0), call.operand(1), call.operand(2)], results: 3)
      let gradients = [results[0], results[1], nil, results[2]].prefix(none.count)
      return gradients.enumerated().map { call.needs($0) ? $1 : nil }
    }
    guard call.needs(0) else { return none }
    if bypass || straightThrough == "plain" { return [call.seed] + none.dropFirst() }
    let dx = builder.emit(
      FakeQuantizeGradient(grid: grid, axis: axis, blockSize: blockSize),
      [call.seed, call.operand(0), call.operand(1), call.operand(2)])
    return [dx] + none.dropFirst()
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
