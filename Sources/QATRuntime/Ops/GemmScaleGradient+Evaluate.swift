import QATCore
import QATIR

extension GemmScaleGradient: Evaluable {
  /// In the order of the definition: the gradient of x first.
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: Float.self).elements, x = call.tensor(3, as: Float.self)
    let b = call[1].integers ?? [], scales = call.tensor(2, as: Float.self).elements
    let scale = call.tensor(4, as: Float.self).elements[0], zero = call.zeroPoints(5)[0]
    let (m, k) = (x.shape[0], x.shape[1]), n = call[0].shape[1]
    let low = grid.min - zero, high = grid.max - zero
    var sum = 0.0
    for row in 0..<m {
      for inner in 0..<k {
        let t = x.elements[row * k + inner] / scale
        let isInside = Float(low) < t && t < Float(high)
        let part = isInside ? t.rounded(.toNearestOrEven) - t : Float(t > Float(low) ? high : low)
        var gradient = 0.0
        for column in 0..<n {
          let code = b[transB ? column * k + inner : inner * n + column]
          gradient +=
            Double(dy[row * n + column]) * Double(code)
            * Double(scales[scales.count == 1 ? 0 : column])
        }
        sum += gradient * Double(part)
      }
    }
    return [AnyTensor(Float(gradientScale(x.shape) * sum))]
  }
}
