import QATCore
import QATIR

extension IsNaN: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    [AnyTensor(call.tensor(0, as: T.self).map(\.isNaN))]
  }
}
