import QATCore

/// Picks elements along an axis: one index for each element of the result.
///
///     y[i, j, k] = data[indices[i, j, k], j, k]        // along axis 0
///
/// - Operands: `data` of any type, rank 1 or more; `indices` i32 or i64 of that rank, no longer
///   than `data` along the other axes, each from -size to size - 1 of the axis.
/// - Result: the shape of `indices`.
/// - Attribute: `axis`.
public struct GatherElements: Operation {
  public static let name: OpName = "GatherElements"
  public static let operands: [OperandSpec] = [.any("data"), OperandSpec("indices", [.i32, .i64])]
  public static let attributes: [Attribute<Self>] = [.init("axis", \.axis)]

  /// The axis; negative ones count from the back.
  public var axis = 0

  public init() {}
  public init(axis: Int) { self.axis = axis }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let indices = operands[1].knownShape
    try checkElementIndices(indices, of: operands[0].knownShape, axis: axis)
    return [TensorType(operands[0].element, indices)]
  }
}

/// Checks that indices, one for each element, fit the tensor they point into.
func checkElementIndices(
  _ indices: Shape, of data: Shape, axis: Int
) throws(Diagnostic) {
  let axis = try checkedAxis(axis, rank: data.rank)
  let fits =
    indices.rank == data.rank
    && data.dimensions.indices.allSatisfy { other in
      guard other != axis, let size = data[other].size, let count = indices[other].size else {
        return true
      }
      return count <= size
    }
  guard fits else {
    throw Diagnostic(
      .shapeMismatch, "indices \(indices) do not fit data \(data)",
      hint: "only along axis \(axis) may there be more of them")
  }
}

extension GatherElements: Differentiable {
  /// Each gradient is added to the element that was picked.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let data = call.operand(0)
    let zeros = builder.emit(ExpandLike(), [builder.scalar(0, like: data), data])
    let scatter = ScatterElements(axis: axis, reduction: .add)
    return [builder.emit(scatter, [zeros, call.operand(1), call.seed]), nil]
  }
}
