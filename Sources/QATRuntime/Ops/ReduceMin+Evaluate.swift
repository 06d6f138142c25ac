import QATCore
import QATIR

extension ReduceMin: NumericEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    [try extremum(call, from: T.infinity) { $0 < $1 || ($0.isNaN && !$1.isNaN) }]
  }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] { [try extremum(call, from: T.max, <)] }

  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    if call[0].element == .bool { return [try extremum(call, from: true) { !$0 && $1 }] }
    return try evaluateNumbers(call)
  }
}
