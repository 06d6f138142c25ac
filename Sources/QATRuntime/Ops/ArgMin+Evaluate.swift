import QATCore
import QATIR

extension ArgMin: NumericEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    [try indices(call, as: T.self) { $0 < $1 || ($0.isNaN && !$1.isNaN) }]
  }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] { [try indices(call, as: T.self, <)] }
}
