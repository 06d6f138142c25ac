import QATCore
import QATIR

extension Softmax: FloatEvaluable {
  /// The largest element of a line is subtracted first, so that nothing overflows.
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self)
    var y = x.elements
    AxisLines(x.shape, axis: axis).forEach { line in
      var largest = -T.infinity
      for i in line where y[i] > largest { largest = y[i] }
      var total: T = 0
      for i in line {
        y[i] = T.exp(y[i] - largest)
        total += y[i]
      }
      for i in line { y[i] /= total }
    }
    return [AnyTensor(shape: x.shape, y)]
  }
}
