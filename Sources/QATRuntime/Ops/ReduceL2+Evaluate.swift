import QATCore
import QATIR

extension ReduceL2: NumericEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    [try total(call, as: T.self, of: { $0 * $0 }) { $0.squareRoot() }]
  }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    [try saturatedTotal(call, as: T.self, of: { $0 * $0 }) { $0.squareRoot() }]
  }
}
