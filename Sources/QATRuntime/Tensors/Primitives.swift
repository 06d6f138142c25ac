public import QATCore
import QATKernels

/// What `QuantizedTensor` is made of, on plain tensors: copies, integer products, image columns.
public enum Primitives {
  /// Copies the part of `source` in `region` to `target`, its first element to `index`.
  ///
  /// - Parameter region: a range along each axis of the source.
  /// - Throws: `shape-mismatch` for a region or an index outside.
  public static func copy<Scalar: TensorScalar>(
    _ source: Tensor<Scalar>, region: [Range<Int>], into target: inout Tensor<Scalar>,
    at index: [Int]
  ) throws(Diagnostic) {
    guard region.count == source.rank, target.rank == source.rank, index.count == source.rank,
      source.rank <= 8
    else {
      throw Diagnostic(
        .shapeMismatch, "ranks \(source.rank), \(region.count), \(target.rank) and \(index.count)",
        hint: "source, region, target and index have one rank, at most 8")
    }
    for axis in region.indices {
      guard region[axis].lowerBound >= 0, region[axis].upperBound <= source.shape[axis],
        index[axis] >= 0, index[axis] <= target.shape[axis] - region[axis].count
      else {
        throw Diagnostic(
          .shapeMismatch,
          "elements \(region[axis]) of \(source.shape[axis]) to \(index[axis]) of "
            + "\(target.shape[axis]) along axis \(axis)")
      }
    }
    func offset(_ index: [Int], _ strides: [Int]) -> Int {
      zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let from = AnyTensor(source), before = AnyTensor(target)
    let shape = target.shape, strides = (source.strides, target.strides)
    let copied = AnyTensor(Scalar.elementType, shape: shape) { view in
      view.write(before)
      MovementKernels.copy(
        sizes: region.map(\.count), from: TensorView(from),
        StridedBox(offset: offset(region.map(\.lowerBound), strides.0), strides: strides.0),
        to: view, StridedBox(offset: offset(index, strides.1), strides: strides.1))
    }
    target = Tensor(shape: shape, copied.elements() ?? [])
  }

  /// The tensor with its axes in another order; they are reversed where none is given.
  /// - Throws: `invalid-attribute` where `axes` does not name every axis once.
  public static func transposed<Scalar: TensorScalar>(
    _ x: Tensor<Scalar>, axes: [Int]? = nil
  ) throws(Diagnostic) -> Tensor<Scalar> {
    let axes = axes ?? x.shape.indices.reversed()
    guard axes.sorted() == Array(x.shape.indices), x.rank <= 8 else {
      throw Diagnostic(
        .invalidAttribute, "\(axes) is no order of the \(x.rank) axes",
        hint: "name every axis once; at most 8")
    }
    let shape = axes.map { x.shape[$0] }, strides = x.strides
    let result = AnyTensor(Scalar.elementType, shape: shape) { target in
      MovementKernels.copy(
        sizes: shape, from: TensorView(AnyTensor(x)), StridedBox(strides: axes.map { strides[$0] }),
        to: target, StridedBox(strides: rowMajorStrides(shape)))
    }
    return Tensor(shape: shape, result.elements() ?? [])
  }
}
