import QATCore
import QATIR

extension Adam: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    var w = call.tensor(0, as: T.self), m = call.tensor(2, as: T.self),
      v = call.tensor(3, as: T.self)
    let gradient = call.tensor(1, as: T.self), rate = call.tensor(5, as: T.self).elements[0]
    let t = T(call.tensor(4, as: Int64.self).elements[0] + 1)
    let beta1 = T(beta1), beta2 = T(beta2), decay = T(weightDecay)
    let correction1 = 1 - T.pow(beta1, t), correction2 = 1 - T.pow(beta2, t)
    for i in 0..<w.count {
      let g = decoupled ? gradient.elements[i] : gradient.elements[i] + decay * w.elements[i]
      m.elements[i] = beta1 * m.elements[i] + (1 - beta1) * g
      v.elements[i] = beta2 * v.elements[i] + (1 - beta2) * g * g
      if decoupled { w.elements[i] *= 1 - rate * decay }
      let step =
        (m.elements[i] / correction1) / ((v.elements[i] / correction2).squareRoot() + T(epsilon))
      w.elements[i] -= rate * step
    }
    return [AnyTensor(w), AnyTensor(m), AnyTensor(v)]
  }
}
