import QATCore
import QATIR

extension Equal: NumericEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] { [equality(call, as: T.self)] }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] { [equality(call, as: T.self)] }

  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    if call[0].element == .bool { return [equality(call, as: Bool.self)] }
    return try evaluateNumbers(call)
  }

  private func equality<T: TensorScalar>(_ call: EvaluationCall, as: T.Type) -> AnyTensor {
    let a = call.tensor(0, as: T.self), b = call.tensor(1, as: T.self)
    return AnyTensor(broadcast(a, b, to: call.shape()) { $0 == $1 })
  }
}
