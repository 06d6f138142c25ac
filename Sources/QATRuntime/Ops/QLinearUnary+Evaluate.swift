import QATCore
import QATIR

extension QLinearSigmoid: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    [try lookedUp(call, rationalLogistic)]
  }
}

extension QLinearLeakyRelu: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    [try lookedUp(call) { leakyRelu($0, alpha: alpha) }]
  }
}

extension QLinearUnary {
  fileprivate func lookedUp(
    _ call: EvaluationCall, _ f: (Float) -> Float
  ) throws(Diagnostic) -> AnyTensor {
    let element = call[0].element
    let table = QuantizedTable(
      from: try call.parameters(scale: 1, zeroPoint: 2, codes: element),
      to: try call.parameters(scale: 3, zeroPoint: 4, codes: element), f)
    return call.result(call.codes(0).map { table[$0] })
  }
}
