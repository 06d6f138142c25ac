import QATCore
import QATIR

extension MatMulInteger: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let product = IntegerMatMul(call[0].shape, call[1].shape, result: call.shape())
    let accumulators = product(
      call.centred(0, zeroPoints: call.zeroPoints(2), channel: product.row),
      call.centred(1, zeroPoints: call.zeroPoints(3), channel: product.column))
    return [AnyTensor(shape: call.shape(), accumulators)]
  }
}
