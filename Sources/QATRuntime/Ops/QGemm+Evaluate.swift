import QATCore
import QATIR

extension QGemm: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let a = call[0].shape
    let b = call[3].shape
    let shape = call.shape()
    let columns = shape[1]
    let aScale = try call.scales(1)[0]
    let bScales = try call.scales(4)
    var accumulators = Array(repeating: Int32(0), count: shape[0] * columns)
    multiply(
      call.centred(0, zeroPoints: call.zeroPoints(2)),
      MatrixView(columns: a[1], transposed: transA),
      call.centred(3, zeroPoints: call.zeroPoints(5)) { transB ? $0 / b[1] : $0 % b[1] },
      MatrixView(columns: b[1], transposed: transB),
      rows: shape[0], inner: a[transA ? 0 : 1], columns: columns, into: &accumulators)
    if let c = call.optional(6), let bias: [Int32] = c.elements() {
      for (index, source) in broadcastOffsets(c.shape, to: shape).enumerated() {
        accumulators[index] &+= bias[source]
      }
    }
    guard call.optional(7) != nil else {
      let scales = bScales.map { (alpha * aScale) * $0 }
      let y = accumulators.indices.map { Float(accumulators[$0]) * scales.channel($0 % columns) }
      return [AnyTensor(shape: shape, y)]
    }
    let y = try call.parameters(scale: 7, zeroPoint: 8, codes: call.resultTypes[0].element)
    let multipliers = bScales.map { requantizationMultiplier(alpha: alpha, aScale, $0, y.scale) }
    return [
      call.result(
        accumulators.indices.map {
          y.requantize(accumulators[$0], by: multipliers.channel($0 % columns))
        })
    ]
  }
}
