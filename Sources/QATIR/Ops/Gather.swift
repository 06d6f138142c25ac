import QATCore

/// Picks slices along an axis.
///
///     y[before..., i..., after...] = data[before..., indices[i...], after...]
///
/// - Operands: `data` of any type, rank 1 or more; `indices` i32 or i64 of any shape, each from
///   -size to size - 1 of the axis.
/// - Result: the shape of `data` with that of `indices` in place of the axis.
public struct Gather: Operation, ShapeArithmetic {
  public static let name: OpName = "Gather"
  public static let operands: [OperandSpec] = [.any("data"), OperandSpec("indices", [.i32, .i64])]
  public static let attributes: [Attribute<Self>] = [.init("axis", \.axis)]

  /// The axis; negative ones count from the back.
  public var axis = 0

  public init() {}
  public init(axis: Int) { self.axis = axis }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape
    let axis = try checkedAxis(axis, rank: x.rank)
    if let size = x[axis].size, let indices = operands.integers(1),
      let wrong = indices.first(where: { !(-size..<max(size, 0)).contains($0) })
    {
      throw Diagnostic(
        .invalidOperand, "index \(wrong) is outside axis \(axis) of data \(x)",
        hint: "indices go from \(-size) to \(size - 1)")
    }
    let shape =
      Array(x.dimensions.prefix(axis)) + operands[1].knownShape.dimensions
      + Array(x.dimensions.dropFirst(axis + 1))
    return [TensorType(operands[0].element, Shape(shape))]
  }

  public func dimensions(_ operands: Operands) -> [Dimension]? {
    guard let data = operands.dimensions(0), let indices = operands.integers(1) else { return nil }
    return indices.map { index in
      let position = index < 0 ? index + data.count : index
      return data.indices.contains(position) ? data[position] : .unknown
    }
  }
}

extension Gather: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let operands = [call.seed, call.operand(0), call.operand(1)]
    return [builder.emit(GatherGradient(axis: axis), operands), nil]
  }
}
