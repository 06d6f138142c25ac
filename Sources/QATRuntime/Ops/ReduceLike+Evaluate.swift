import QATCore
import QATIR

extension ReduceLike: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    [AnyTensor(sum(call.tensor(0, as: T.self), to: call.shape()))]
  }
}
