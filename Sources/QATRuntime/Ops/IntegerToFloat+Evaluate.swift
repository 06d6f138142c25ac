import QATCore
import QATIR

extension ConvIntegerToFloat: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let shape = call.shape(), positions = shape[2...].reduce(1, *)
    let sums = integerConvolution(
      call.centred(0, zeroPoints: call.zeroPoints(2)), call[0].shape,
      call.centred(3, zeroPoints: [0]), call[3].shape, bias: nil, window, group: group,
      shape: shape)
    return [try call.reals(sums) { $0 / positions % shape[1] }]
  }
}

extension GemmIntegerToFloat: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let a = call[0].shape, b = call[3].shape, shape = call.shape()
    var sums = Array(repeating: Int32(0), count: shape[0] * shape[1])
    multiply(
      call.centred(0, zeroPoints: call.zeroPoints(2)),
      MatrixView(columns: a[1], transposed: false),
      call.centred(3, zeroPoints: [0]), MatrixView(columns: b[1], transposed: transB),
      rows: shape[0], inner: a[1], columns: shape[1], into: &sums)
    return [try call.reals(sums) { $0 % shape[1] }]
  }
}

extension EvaluationCall {
  /// Sums by their scales, which operands 1 and 4 hold, and a summand a channel, operand 5.
  fileprivate func reals(
    _ sums: [Int32], channel: (Int) -> Int
  ) throws(Diagnostic) -> AnyTensor {
    let scale = try scales(1)[0], scales = try scales(4)
    let bias = optional(5)?.elements(as: Float.self)
    let y = sums.enumerated().map { index, sum in
      let m = scale * scales.channel(channel(index))
      guard let bias else { return Float(sum) * m }
      return bias[channel(index)].addingProduct(Float(sum), m)
    }
    return AnyTensor(shape: shape(), y)
  }
}
