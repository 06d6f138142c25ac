import QATCore
import QATIR

extension PRelu: NumericEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self), slope = call.tensor(1, as: T.self)
    return [AnyTensor(broadcast(x, slope, to: call.shape()) { $0 < 0 ? $0 * $1 : $0 })]
  }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self), slope = call.tensor(1, as: T.self)
    return [AnyTensor(broadcast(x, slope, to: call.shape()) { $0 < 0 ? $0 &* $1 : $0 })]
  }
}
