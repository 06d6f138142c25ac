import QATCore
import QATIR

extension ScaleDerivative: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: Float.self)
    let scale = call.tensor(1, as: Float.self).elements[0], zero = call.zeroPoints(2)[0]
    let ends = quantizer.outside(zeroPoint: zero)
    let g = Float(quantizer.gradientScale(elements: x.count, samples: x.shape.first ?? 1))
    return [
      AnyTensor(
        shape: x.shape,
        x.elements.map { (element: Float) in
          let t = element / scale
          if Float(ends.low) < t, t < Float(ends.high) {
            return g * (t.rounded(.toNearestOrEven) - t)
          }
          return g * Float(t > Float(ends.low) ? ends.high : ends.low)
        })
    ]
  }
}
