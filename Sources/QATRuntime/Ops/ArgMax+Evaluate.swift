import QATCore
import QATIR

extension ArgMax: NumericEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    [try indices(call, as: T.self) { $0 > $1 || ($0.isNaN && !$1.isNaN) }]
  }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] { [try indices(call, as: T.self, >)] }
}

extension ExtremumSearch {
  /// The index of the extremum of each line, found by `better`, which says whether an element beats
  /// another.
  /// - Throws: `invalid-data` where there is no element to choose from.
  func indices<T: TensorScalar>(
    _ call: EvaluationCall, as: T.Type, _ better: (T, T) -> Bool
  ) throws(Diagnostic) -> AnyTensor {
    let x = call.tensor(0, as: T.self), elements = x.elements
    let lines = AxisLines(x.shape, axis: axis)
    if lines.length == 0, lines.count > 0 {
      throw Diagnostic(.invalidData, "\(name) of no elements")
    }
    var result: [Int64] = []
    lines.forEach { line in
      var best = 0, extremum: T?
      for (index, offset) in line.enumerated() {
        let element = elements[offset]
        if let extremum, selectLastIndex ? better(extremum, element) : !better(element, extremum) {
          continue
        }
        best = index
        extremum = element
      }
      result.append(Int64(best))
    }
    return AnyTensor(shape: call.shape(), result)
  }
}
