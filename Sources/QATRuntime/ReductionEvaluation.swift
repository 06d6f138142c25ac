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
  /// - Parameter worst: the extremum of no elements, which none is worse than.
  func extremum<T: TensorScalar>(
    _ call: EvaluationCall, from worst: T, _ better: (T, T) -> Bool
  ) throws(Diagnostic) -> AnyTensor {
    let x = call.tensor(0, as: T.self)
    let result = reduce(x, to: try keptShape(call), from: worst) { better($1, $0) ? $1 : $0 }
    return AnyTensor(result.reshaped(call.shape()))
  }

  /// The sums along the axes of a term an element, in double precision, and a function of them.
  func total<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type, of term: (Double) -> Double, _ finish: (Double) -> Double
  ) throws(Diagnostic) -> AnyTensor {
    let totals = reduce(call.tensor(0, as: T.self), to: try keptShape(call), from: 0.0) {
      $0 + term(Double($1))
    }
    return AnyTensor(totals.map { T(finish($0)) }.reshaped(call.shape()))
  }

  /// The same of integers: truncated toward zero, the nearest end of the range where it is beyond.
  func saturatedTotal<T: ReferenceInteger>(
    _ call: EvaluationCall, as: T.Type, of term: (Double) -> Double, _ finish: (Double) -> Double
  ) throws(Diagnostic) -> AnyTensor {
    let totals = reduce(call.tensor(0, as: T.self), to: try keptShape(call), from: 0.0) {
      $0 + term(Double($1))
    }
    return AnyTensor(
      totals.map { truncated(Double(finish($0)), as: T.self) }.reshaped(call.shape()))
  }

  /// The sums along the axes of an integer an element, which wrap around.
  func wrappingTotal<T: ReferenceInteger>(
    _ call: EvaluationCall, as: T.Type, of term: (T) -> T
  ) throws(Diagnostic) -> AnyTensor {
    let zero: T = 0
    let totals = reduce(call.tensor(0, as: T.self), to: try keptShape(call), from: zero) {
      $0 &+ term($1)
    }
    return AnyTensor(totals.reshaped(call.shape()))
  }
}
