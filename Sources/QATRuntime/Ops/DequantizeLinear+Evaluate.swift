import QATCore
import QATIR

extension DequantizeLinear: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let x = call[0], scales = try call.scales(1), zeroPoints = call.optional(2)?.doubles
    guard let codes = x.doubles else { throw call.unsupportedElement(x.element) }
    let granularity = try Granularity(
      shape: x.shape, parameterShape: call[1].shape, axis: axis, blockSize: blockSize)
    // The difference of two codes is exact in double precision, and rounded to f32 once.
    let numbers = codes.enumerated().map { index, code in
      let parameter = granularity.parameter(of: index)
      return Double(Float(code - (zeroPoints?[parameter] ?? 0)) * scales[parameter])
    }
    return [AnyTensor(call.resultTypes[0].element, shape: x.shape, rounding: numbers)]
  }
}
