import QATCore

/// The gradients of `qat.FakeQuantize` where its scale is learned.
///
/// With `t = x / scale`, `Qn = grid.min - zero_point` and `Qp = grid.max - zero_point`, an element is
/// inside where `Qn < t < Qp`, on the value that is not rounded:
///
///     dx      = inside ? dy : 0
///     dscale  = g · Σ dy · (inside ? rint(t) - t : t > Qn ? high : low)
///     doffset = g · Σ dy · (inside ? 0 : 1)                                  // lsq+ alone
///
/// | method | `low`, `high` | `rint(t) - t` | `g` |
/// |---|---|---|---|
/// | `lsq` | `Qn`, `Qp` | as it is | `1 / √(N · grid.max)` |
/// | `lsq+` | `grid.min`, `grid.max` | as it is | `1 / √(N · grid.max)` |
/// | `pact` | `Qn`, `Qp` | 0 | 1 |
///
/// N counts the elements that share the scale; with `batched`, those of one sample. Sums are over the
/// elements of a channel, in double precision between runs of 4096. In LSQ+ the value is
/// `code · scale + offset`, so that the scale's part of a clipped one is its code.
///
/// - Operands: `dy` and `x` float, of one shape; `scale` and `zero_point` as for `qat.FakeQuantize`.
/// - Results: `dx` of the type of `x`; `dscale` and `doffset` of the type of `scale`.
/// - Attributes: `grid`; `axis`; `block_size`; `method`; `batched`: axis 0 counts samples; `positive`:
///   `dx` is 0 for `x` up to 0, too, the gradient of the Relu whose result `x` is.
/// - Source: arXiv:1902.08153, eq. 3 and section 2.2; arXiv:2004.09576, eq. 4 and 5; arXiv:1805.06085,
///   eq. 3.
public struct LearnedQuantizeGradient: Operation {
  public static let name: OpName = "qat.LearnedQuantizeGradient"
  public static let operands: [OperandSpec] = [
    .float("dy"), .float("x"), .float("scale"), .i32("zero_point"),
  ]
  public static let results: [ResultSpec] = ["dx", "dscale", "doffset"]
  public static let attributes: [Attribute<Self>] = [
    .init("grid", \.grid), .init("axis", \.axis), .init("block_size", \.blockSize),
    .init("method", \.method), .init("batched", \.batched), .init("positive", \.positive),
  ]

  /// The codes.
  public var grid = IntegerGrid.int8
  /// The channel axis of `x`, or `nil` for one scale per tensor.
  public var axis: Int? = nil
  /// Neighbours along `axis` that share a scale; 0 for one scale a channel.
  public var blockSize = 0
  /// What is learned, and how.
  public var method = LearnedMethod.lsq
  /// Whether axis 0 of `x` counts samples.
  public var batched = false
  /// Whether `dx` is that of the operand of the Relu that made `x`.
  public var positive = false

  public init() {}
  /// That of method `lsq`, where a node sums it in another way.
  init(grid: IntegerGrid, axis: Int? = nil, batched: Bool = false) {
    (self.grid, self.axis, self.batched) = (grid, axis, batched)
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[1]
    _ = try broadcastShape([operands[0].knownShape, x.knownShape])
    try checkParameters(
      operands, Self.operands, 2, 3, of: x.knownShape, axis: axis, blockSize: blockSize)
    return [x, operands[2], operands[2]]
  }

  /// `g` of a scale that `elements` of a tensor with so many samples share.
  public func gradientScale(elements: Int, samples: Int) -> Double {
    if method == .pact { return 1 }
    let count = Double(elements) / Double(batched ? max(samples, 1) : 1)
    return 1 / (max(count, 1) * Double(grid.max)).squareRoot()
  }

  /// What an element outside contributes, counted from the zero point where the method does.
  public func outside(zeroPoint: Int) -> (low: Int, high: Int) {
    let origin = method == .lsqPlus ? 0 : zeroPoint
    return (grid.min - origin, grid.max - origin)
  }
}
