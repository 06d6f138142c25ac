import QATCore
import QATIR

extension DynamicQuantizeLinear: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: Float.self).elements
    guard x.allSatisfy(\.isFinite) else {
      throw Diagnostic(.invalidData, "x holds NaN or infinity, which have no range to quantize")
    }
    let parameters = AffineGrid.dynamic(min: x.min() ?? 0, max: x.max() ?? 0)
    return [
      call.result(x.map(parameters.quantize)), AnyTensor(parameters.scale),
      AnyTensor(UInt8(parameters.zeroPoint)),
    ]
  }
}
