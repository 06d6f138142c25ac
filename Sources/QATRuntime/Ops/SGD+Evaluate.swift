import QATCore
import QATIR

extension SGD: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    var w = call.tensor(0, as: T.self), velocity = call.tensor(2, as: T.self)
    let gradient = call.tensor(1, as: T.self), rate = call.tensor(3, as: T.self).elements[0]
    let momentum = T(momentum), decay = T(weightDecay)
    for i in 0..<w.count {
      let g = gradient.elements[i] + decay * w.elements[i]
      let v = momentum * velocity.elements[i] + g
      velocity.elements[i] = v
      w.elements[i] -= rate * (nesterov ? g + momentum * v : v)
    }
    return [AnyTensor(w), AnyTensor(velocity)]
  }
}
