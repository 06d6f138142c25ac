import QATCore

/// The `k` largest or smallest elements along an axis, best first, and where they stand; of
/// elements that tie the one with the lower index first. NaN is larger than every number.
///
/// - Operands: `x`, numbers of any type; `k` i64[1], not beyond the size of the axis.
/// - Results: `values`: the type of `x`, the axis having size `k`; `indices` i64 along the axis, of
///   the same shape.
/// - Attributes: `axis`, negative ones counted from the back; `largest`; `sorted`: 0 leaves the
///   order open, and here it is the same.
public struct TopK: Operation {
  public static let name: OpName = "TopK"
  public static let operands: [OperandSpec] = [OperandSpec("x", .numeric), .i64("k")]
  public static let results: [ResultSpec] = ["values", "indices"]
  public static let attributes: [Attribute<Self>] = [
    .init("axis", \.axis), .init("largest", \.largest), .init("sorted", \.sorted),
  ]
  /// The axis that is searched.
  public var axis = -1
  /// Whether the largest are wanted, and not the smallest.
  public var largest = true
  /// Whether the order matters.
  public var sorted = true
  public init() {}
  public init(axis: Int, largest: Bool = true) {
    self.axis = axis
    self.largest = largest
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    var dimensions = operands[0].knownShape.dimensions
    let axis = try checkedAxis(axis, rank: dimensions.count)
    if let count = operands[1].knownShape.elementCount.size, count != 1 {
      throw Diagnostic(
        .shapeMismatch, "k has shape \(operands[1].knownShape), expected one element")
    }
    if let k = operands.integers(1)?.first {
      if k < 0 || k > dimensions[axis].size ?? .max {
        throw Diagnostic(
          .invalidData, "k is \(k), and axis \(self.axis) has \(dimensions[axis]) elements")
      }
      dimensions[axis] = Dimension(k)
    } else {
      dimensions[axis] = operands.dimensions(1)?.first ?? .unknown
    }
    let shape = Shape(dimensions)
    return [TensorType(operands[0].element, shape), TensorType(.i64, shape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] { [operands[0].element, .i64] }
}

extension TopK: Differentiable {
  /// `dy` where the elements stood, 0 elsewhere.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    guard let seed = call.seeds.first ?? nil else { return [nil, nil] }
    let indices: ValueID
    if call.results.count > 1, let known = call.results[1] {
      indices = known
    } else {
      indices = builder.emit(self, [call.operand(0), call.operand(1)], results: 2)[1]
    }
    return [builder.emit(TopKGradient(axis: axis), [seed, indices, call.operand(0)]), nil]
  }
}
