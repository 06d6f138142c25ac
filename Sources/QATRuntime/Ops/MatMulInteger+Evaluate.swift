import QATCore
import QATIR

extension MatMulInteger: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let product = IntegerMatMul(call[0].shape, call[1].shape, result: call.shape())
    let accumulators = product(
      product.centred(call[0], call.optional(2), .rows),
      product.centred(call[1], call.optional(3), .columns))
    return [AnyTensor(shape: call.shape(), accumulators)]
  }
}
