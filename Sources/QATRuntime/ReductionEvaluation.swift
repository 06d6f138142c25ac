import QATCore
import QATIR

extension Reduction {
  /// The shape of the result with a 1 for every reduced axis, which broadcasts to that of `x`.
  func keptShape(_ call: EvaluationCall) throws(Diagnostic) -> [Int] {
    let shape = call[0].shape
    let axes = try reducedAxes(call.optional(1)?.integers, rank: shape.count)
    return shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
  }

  /// The extremum along the axes, found by `better`, which says whether an element beats another.
  ///
  /// NaN wins over every number.
  /// - Throws: `invalid-data` where there is no element to choose from.
  func extremum<T: TensorScalar>(
    _ call: EvaluationCall, as: T.Type, _ better: (T, T) -> Bool
  ) throws(Diagnostic) -> AnyTensor {
    let x = call.tensor(0, as: T.self), kept = try keptShape(call)
    if kept.reduce(1, *) > 0, x.count == 0 {
      throw Diagnostic(.invalidData, "\(name) of no elements")
    }
    // The first element along each reduced axis starts its fold: start from where it stands.
    var result = [T](repeating: .zero, count: kept.reduce(1, *))
    var isKnown = [Bool](repeating: false, count: result.count)
    let walk = BroadcastWalk([kept], to: x.shape), elements = x.elements
    walk.forEachRow { start, starts in
      var i = starts[0]
      for k in start..<start + walk.rowLength {
        if !isKnown[i] || better(elements[k], result[i]) {
          result[i] = elements[k]
          isKnown[i] = true
        }
        i += walk.rowStrides[0]
      }
    }
    return AnyTensor(shape: call.shape(), result)
  }
}
