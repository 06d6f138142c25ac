import QATCore
import QATIR

extension LogSoftmax: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self)
    var y = x.elements
    AxisLines(x.shape, axis: axis).forEach { line in
      var largest = -T.infinity
      for i in line where y[i] > largest { largest = y[i] }
      var total: T = 0
      for i in line { total += T.exp(y[i] - largest) }
      let logarithm = T.log(total)
      for i in line { y[i] = y[i] - largest - logarithm }
    }
    return [AnyTensor(shape: x.shape, y)]
  }
}
