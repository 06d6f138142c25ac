import QATCore
import QATIR

extension Mean: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    var sum = broadcast(call.tensor(0, as: T.self), to: call.shape())
    for index in call.operands.indices.dropFirst() {
      sum = broadcast(sum, call.tensor(index, as: T.self), to: call.shape()) { $0 + $1 }
    }
    let count = T(call.operands.count)
    return [AnyTensor(sum.map { $0 / count })]
  }
}
