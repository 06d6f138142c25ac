import QATCore
import QATIR

extension ConvInteger: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let filter = call[1].shape.dropFirst().reduce(1, *)
    let accumulators = integerConvolution(
      call.centred(0, zeroPoints: call.zeroPoints(2)), call[0].shape,
      call.centred(1, zeroPoints: call.zeroPoints(3)) { $0 / filter }, call[1].shape,
      bias: nil, window, group: group, shape: call.shape())
    return [AnyTensor(shape: call.shape(), accumulators)]
  }
}
