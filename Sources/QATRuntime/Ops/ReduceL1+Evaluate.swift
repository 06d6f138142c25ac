import QATCore
import QATIR

extension ReduceL1: NumericEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    [try total(call, as: T.self, of: { $0.magnitude }) { $0 }]
  }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    [try wrappingTotal(call, as: T.self) { $0 < 0 ? 0 &- $0 : $0 }]
  }
}
