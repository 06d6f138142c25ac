import QATCore
import QATIR

extension ReduceSum: NumericEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self)
    return [AnyTensor(sum(x, to: try keptShape(call)).reshaped(call.shape()))]
  }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self), zero: T = 0
    let sums = reduce(x, to: try keptShape(call), from: zero) { $0 &+ $1 }
    return [AnyTensor(sums.reshaped(call.shape()))]
  }
}
