import QATCore
import QATIR

extension RMSNormalization: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    try call.requireElement(T.elementType, [1])
    let x = call.tensor(0, as: T.self), first = axis < 0 ? axis + x.rank : axis
    let scale = broadcast(call.tensor(1, as: T.self), to: x.shape).elements
    let length = x.shape[first...].reduce(1, *)
    var y = x.elements
    for start in stride(from: 0, to: x.count, by: max(length, 1)) {
      let row = start..<start + length
      let squares = row.reduce(0.0) { $0 + Double(y[$1]) * Double(y[$1]) }
      let root = (squares / Double(length) + Double(epsilon)).squareRoot()
      for i in row { y[i] = T(Double(y[i]) / root * Double(scale[i])) }
    }
    return [AnyTensor(shape: x.shape, y)]
  }
}
