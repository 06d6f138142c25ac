import QATCore
import QATIR

extension BitwiseNot: IntegerEvaluable {
  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    [AnyTensor(call.tensor(0, as: T.self).map { ~$0 })]
  }
}
