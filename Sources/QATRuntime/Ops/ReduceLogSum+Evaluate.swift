import QATCore
import QATIR

extension ReduceLogSum: NumericEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    [try total(call, as: T.self, of: { $0 }) { Double.log($0) }]
  }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    [try saturatedTotal(call, as: T.self, of: { $0 }) { Double.log($0) }]
  }
}
