import QATCore
import QATIR

extension SoftmaxGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self).elements, y = call.tensor(1, as: T.self)
    var dx = y.elements
    AxisLines(y.shape, axis: axis).forEach { line in
      var total: T = 0
      for i in line { total += dy[i] * dx[i] }
      for i in line { dx[i] *= dy[i] - total }
    }
    return [AnyTensor(shape: y.shape, dx)]
  }
}
