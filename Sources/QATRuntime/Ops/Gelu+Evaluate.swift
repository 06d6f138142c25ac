import QATCore
import QATIR

extension Gelu: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self)
    if approximate == "tanh" {
      let factor = T((2 / Double.pi).squareRoot())
      return [AnyTensor(x.map { 0.5 * $0 * (1 + T.tanh(factor * ($0 + 0.044715 * $0 * $0 * $0))) })]
    }
    let factor = T(0.5.squareRoot())
    return [AnyTensor(x.map { 0.5 * $0 * (1 + T.erf($0 * factor)) })]
  }
}
