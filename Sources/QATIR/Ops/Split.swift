import QATCore

/// Cuts a tensor into parts along an axis.
///
/// - Operands: `input` of any type; `split` i64[parts], optional: the size of each part.
/// - Results: the parts. Without `split` they have `ceil(size / num_outputs)` elements each along
///   the axis, and the last has what is left over.
/// - Attributes: `axis`; `num_outputs`, as many as there are results where absent.
public struct Split: Operation, ShapeArithmetic {
  public static let name: OpName = "Split"
  public static let operands: [OperandSpec] = [.any("input"), .i64("split", .optional)]
  public static let results: [ResultSpec] = [ResultSpec("outputs", .variadic)]
  public static let attributes: [Attribute<Self>] = [
    .init("axis", \.axis), .init("num_outputs", \.outputCount),
  ]

  /// The axis; negative ones count from the back.
  public var axis = 0
  /// How many parts there are.
  public var outputCount: Int? = nil

  public init() {}
  public init(axis: Int, outputCount: Int? = nil) {
    self.axis = axis
    self.outputCount = outputCount
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape
    let axis = try checkedAxis(axis, rank: x.rank)
    return try parts(operands, of: x[axis]).map { size in
      var part = x
      part[axis] = size
      return TensorType(operands[0].element, part)
    }
  }

  public func resultElements(_ operands: Operands) -> [ElementType] { [operands[0].element] }

  public func dimensions(_ operands: Operands) -> [Dimension]? {
    guard let data = operands.dimensions(0),
      let parts = try? parts(operands, of: Dimension(data.count)),
      let first = parts.first?.size
    else { return nil }
    return Array(data.prefix(first))
  }

  private func parts(
    _ operands: Operands, of dimension: Dimension
  ) throws(Diagnostic) -> [Dimension] {
    if operands.isPresent(1) {
      guard
        let sizes = operands.dimensions(1) ?? operands.integers(1)?.map({ Dimension(signed: $0) })
      else { return Array(repeating: .unknown, count: operands.resultCount) }
      if let negative = sizes.compactMap(\.integer).first(where: { $0 < 0 }) {
        throw Diagnostic(.shapeMismatch, "split has a size of \(negative)")
      }
      let sum = sizes.reduce(0, +)
      if let a = sum.size, let b = dimension.size, a != b {
        throw Diagnostic(
          .shapeMismatch, "the sizes of split add up to \(a), but axis \(axis) has size \(b)")
      }
      return sizes
    }
    let count = outputCount ?? operands.resultCount
    guard (1...(1 << 16)).contains(count) else {
      throw Diagnostic(.invalidAttribute, "num_outputs \(count) is out of range")
    }
    guard let size = dimension.size else {
      return Array(
        repeating: dimension.divided(by: Dimension(count)) ?? .unknown, count: count)
    }
    guard outputCount != nil || size % count == 0 else {
      throw Diagnostic(
        .shapeMismatch, "axis \(axis) of size \(size) can't be cut into \(count) equal parts",
        hint: "give the sizes as operand `split`, or set `num_outputs`")
    }
    let chunk = size / count + (size % count == 0 ? 0 : 1)
    return (0..<count).map { Dimension(max(0, min(chunk, size - $0 * chunk))) }
  }
}

extension Split: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    var parts: [ValueID?] = []
    for (seed, result) in zip(call.seeds, call.results) {
      guard let part = seed ?? result.map({ zeros(like: $0, &builder) }) else {
        throw Diagnostic(
          .unsupported, "a Split with a part that nobody asked for has no gradient",
          hint: "name all its results, or use Slice")
      }
      parts.append(part)
    }
    return [builder.emit(Concat(axis: axis), parts), nil]
  }

  private func zeros(like value: ValueID, _ builder: inout GraphBuilder) -> ValueID {
    builder.emit(ExpandLike(), [builder.scalar(0, like: value), value])
  }
}
