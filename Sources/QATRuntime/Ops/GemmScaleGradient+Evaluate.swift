import QATCore
import QATIR

extension GemmScaleGradient: Evaluable {
  /// In the order of the definition: the gradient of x first.
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let scale = call[2], count = scale.shape.reduce(1, *)
    let zero = AnyTensor(shape: scale.shape, Array(repeating: Int32(0), count: count))
    let b = try ReferenceEvaluator.evaluate(
      DequantizeCodes(axis: scale.shape.isEmpty ? nil : transB ? 0 : 1), [call[1], scale, zero],
      resultCount: 1)[0]
    let dx = try ReferenceEvaluator.evaluate(
      Gemm(transB: !transB), [call[0], b], resultCount: 1)[0]
    let gradients = try ReferenceEvaluator.evaluate(
      quantizer, [dx, call[3], call[4], call[5]], resultCount: 2)
    return [gradients[1]]
  }
}
