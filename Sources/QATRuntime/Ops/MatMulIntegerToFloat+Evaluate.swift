import QATCore
import QATIR

extension MatMulIntegerToFloat: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let numbers = try productOfCodes(
      call[0], call.optional(4), scale: try call.scales(2)[0], call[1], call.optional(5), call[3],
      bias: call.optional(6), shape: call.shape())
    return [
      AnyTensor(
        call.resultTypes[0].element, shape: call.shape(), rounding: numbers.map(Double.init))
    ]
  }
}

extension DynamicQuantizeMatMul: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let quantized = try ReferenceEvaluator.evaluate(
      DynamicQuantizeLinear(), [call[0]], resultCount: 3)
    let numbers = try productOfCodes(
      quantized[0], quantized[2], scale: quantized[1].floats?[0] ?? 1, call[1], call.optional(3),
      call[2], bias: call.optional(4), shape: call.shape())
    return [AnyTensor(shape: call.shape(), numbers)]
  }
}

/// The sums of products of codes times their scales, plus a number a column: each step rounded to f32.
private func productOfCodes(
  _ a: AnyTensor, _ aZeroPoint: AnyTensor?, scale: Float, _ b: AnyTensor, _ bZeroPoint: AnyTensor?,
  _ bScale: AnyTensor, bias: AnyTensor?, shape: [Int]
) throws(Diagnostic) -> [Float] {
  let product = IntegerMatMul(a.shape, b.shape, result: shape)
  let sums = product(
    product.centred(a, aZeroPoint, .rows), product.centred(b, bZeroPoint, .columns))
  let scales = bScale.floats ?? [], summands = bias?.floats
  return zip(sums, product.offsets(of: bScale, .columns)).enumerated().map { index, pair in
    let scaled = Float(pair.0) * (scale * scales[pair.1])
    return summands.map { scaled + $0[index % product.columns] } ?? scaled
  }
}
