import QATCore
import QATIR

extension ReluGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self), y = call.tensor(1, as: T.self)
    return [AnyTensor(broadcast(dy, y, to: call.shape()) { dy, y in y > 0 ? dy : 0 })]
  }
}
