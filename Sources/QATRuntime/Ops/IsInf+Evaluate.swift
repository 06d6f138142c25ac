import QATCore
import QATIR

extension IsInf: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let result = call.tensor(0, as: T.self).map { x in
      (detectPositive && x == .infinity) || (detectNegative && x == -.infinity)
    }
    return [AnyTensor(result)]
  }
}
