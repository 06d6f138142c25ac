import QATCore
import QATIR

extension QLinearAdd: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let (a, b, c) = try binaryParameters(call)
    if quantizedSumSwapsOperands(call[0].shape, call[3].shape) {
      let sum = QuantizedSum(b, a, to: c)
      return [elementwise(call) { sum($1, $0) }]
    }
    let sum = QuantizedSum(a, b, to: c)
    return [elementwise(call) { sum($0, $1) }]
  }
}

extension QLinearMul: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let (a, b, c) = try binaryParameters(call)
    let product = QuantizedProduct(a, b, to: c)
    return [elementwise(call) { product($0, $1) }]
  }
}

extension QLinearBinary {
  fileprivate func binaryParameters(_ call: EvaluationCall) throws(Diagnostic) -> (
    AffineGrid, AffineGrid, AffineGrid
  ) {
    let element = call[0].element
    return (
      try call.parameters(scale: 1, zeroPoint: 2, codes: element),
      try call.parameters(scale: 4, zeroPoint: 5, codes: element),
      try call.parameters(scale: 6, zeroPoint: 7, codes: element)
    )
  }

  fileprivate func elementwise(_ call: EvaluationCall, _ body: (Int, Int) -> Int) -> AnyTensor {
    let a = call.codes(0), b = call.codes(3)
    let offsetsA = broadcastOffsets(call[0].shape, to: call.shape())
    let offsetsB = broadcastOffsets(call[3].shape, to: call.shape())
    return call.result(zip(offsetsA, offsetsB).map { body(a[$0], b[$1]) })
  }
}
