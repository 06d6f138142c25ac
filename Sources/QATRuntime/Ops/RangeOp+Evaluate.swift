import QATCore
import QATIR

extension RangeOp: NumericEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let start = call.tensor(0, as: T.self).elements[0],
      delta = call.tensor(2, as: T.self).elements[0]
    let count = call.shape()[0]
    return [AnyTensor(shape: [count], (0..<count).map { start + T($0) * delta })]
  }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let start = call.tensor(0, as: T.self).elements[0],
      delta = call.tensor(2, as: T.self).elements[0]
    let count = call.shape()[0]
    return [
      AnyTensor(shape: [count], (0..<count).map { start &+ T(truncatingIfNeeded: $0) &* delta })
    ]
  }
}
