import QATCore
import QATIR

extension QLinearMatMul: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let aScales = try call.scales(1), bScales = try call.scales(4)
    let y = try call.parameters(scale: 6, zeroPoint: 7, codes: call.resultTypes[0].element)
    let product = IntegerMatMul(call[0].shape, call[3].shape, result: call.shape())
    let accumulators = product(
      call.centred(0, zeroPoints: call.zeroPoints(2), channel: product.row),
      call.centred(3, zeroPoints: call.zeroPoints(5), channel: product.column))
    return [
      call.result(
        accumulators.indices.map {
          let row = $0 / product.columns % product.rows, column = $0 % product.columns
          let multiplier = requantizationMultiplier(
            aScales.channel(row), bScales.channel(column), y.scale)
          return y.requantize(accumulators[$0], by: multiplier)
        })
    ]
  }
}
