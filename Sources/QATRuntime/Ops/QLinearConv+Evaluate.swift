import QATCore
import QATIR

extension QLinearConv: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let xScale = try call.scales(1)[0], wScales = try call.scales(4)
    let y = try call.parameters(scale: 6, zeroPoint: 7, codes: call.resultTypes[0].element)
    let filter = call[3].shape.dropFirst().reduce(1, *), shape = call.shape()
    let accumulators = integerConvolution(
      call.centred(0, zeroPoints: call.zeroPoints(2)), call[0].shape,
      call.centred(3, zeroPoints: call.zeroPoints(5)) { $0 / filter }, call[3].shape,
      bias: call.optional(8).flatMap { Tensor($0) }, window, group: group, shape: shape)
    let multipliers = wScales.map { requantizationMultiplier(xScale, $0, y.scale) }
    let positions = shape[2...].reduce(1, *)
    return [
      call.result(
        accumulators.indices.map {
          y.requantize(accumulators[$0], by: multipliers.channel($0 / positions % shape[1]))
        })
    ]
  }
}
