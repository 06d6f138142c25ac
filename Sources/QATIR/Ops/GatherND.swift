import QATCore

/// Picks parts of a tensor by tuples of indices into its leading axes.
///
///     y[b..., i..., k...] = data[b..., indices[b..., i..., 0], indices[b..., i..., 1], …, k...]
///
/// - Operands: `data` of any type, rank 1 or more; `indices` i64[b..., i..., n] with n of at most
///   the axes of `data` behind b, each from -size to size - 1 of its axis.
/// - Result: `indices` without its last axis, then the axes of `data` behind those indexed.
/// - Attribute: `batch_dims`: how many leading axes b both have.
public struct GatherND: Operation {
  public static let name: OpName = "GatherND"
  public static let operands: [OperandSpec] = [.any("data"), .i64("indices")]
  public static let attributes: [Attribute<Self>] = [.init("batch_dims", \.batchDimensions)]

  /// How many leading axes the operands share.
  public var batchDimensions = 0

  public init() {}
  public init(batchDimensions: Int) { self.batchDimensions = batchDimensions }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let data = operands[0].knownShape, indices = operands[1].knownShape
    guard (0..<max(1, min(data.rank, indices.rank))).contains(batchDimensions) else {
      throw Diagnostic(
        .invalidAttribute, "batch_dims \(batchDimensions) is out of range for data \(data)")
    }
    for axis in 0..<batchDimensions {
      guard let a = data[axis].size, let b = indices[axis].size, a != b else { continue }
      throw Diagnostic(
        .shapeMismatch, "data \(data) and indices \(indices) differ in axis \(axis) of the batch")
    }
    let shape = try partsShape(data, indices, batchDimensions: batchDimensions)
    return [TensorType(operands[0].element, shape)]
  }
}

/// The shape of the parts that tuples of indices pick; `nil` where it is unknown how long tuples
/// are.
/// - Throws: `shape-mismatch` where tuples are longer than there are axes.
func partsShape(
  _ data: Shape, _ indices: Shape, batchDimensions: Int = 0
) throws(Diagnostic) -> Shape? {
  guard let last = indices.dimensions.last, data.rank > 0 else {
    throw Diagnostic(.shapeMismatch, "data \(data) and indices \(indices) must not be scalars")
  }
  guard let length = last.size else { return nil }
  let indexed = batchDimensions + length
  guard length > 0, indexed <= data.rank else {
    throw Diagnostic(
      .shapeMismatch,
      "indices \(indices) have \(length) for each part, data \(data) takes from 1 to "
        + "\(data.rank - batchDimensions)")
  }
  return Shape(Array(indices.dimensions.dropLast()) + Array(data.dimensions.dropFirst(indexed)))
}

extension GatherND: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let gradient = GatherNDGradient(batchDimensions: batchDimensions)
    return [builder.emit(gradient, [call.seed, call.operand(0), call.operand(1)]), nil]
  }
}
