import QATCore
import QATIR

extension DequantizeLinear: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let x = call[0], scales = try call.scales(1), zeroPoints = call.optional(2)?.integers
    guard let codes = x.integers else { throw call.unsupportedElement(x.element) }
    guard call.resultTypes[0].element == .f32 else {
      throw call.unsupportedElement(call.resultTypes[0].element)
    }
    let granularity = try Granularity(
      shape: x.shape, parameterShape: call[1].shape, axis: axis, blockSize: blockSize)
    let numbers = codes.enumerated().map { index, code in
      let parameter = granularity.parameter(of: index)
      return Float(code - (zeroPoints?[parameter] ?? 0)) * scales[parameter]
    }
    return [AnyTensor(shape: x.shape, numbers)]
  }
}
