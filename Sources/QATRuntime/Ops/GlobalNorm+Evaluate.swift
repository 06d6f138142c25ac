import QATCore
import QATIR

extension GlobalNorm: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    var sum: T = 0
    for index in call.operands.indices {
      sum += call.tensor(index, as: T.self).elements.reduce(0) { $0 + $1 * $1 }
    }
    return [AnyTensor(sum.squareRoot())]
  }
}
