import QATCore
import QATIR
import QATKernels

extension LearnedQuantizeGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self).elements, x = call.tensor(1, as: T.self)
    let scales = call.tensor(2, as: T.self).elements, zeros = call.zeroPoints(3)
    let layout = CodeLayout(shape: x.shape, axis: axis)
    var dx: [T] = []
    dx.reserveCapacity(x.count)
    var dScale = Array(repeating: 0.0, count: layout.channels), dOffset = dScale
    for (index, element) in x.elements.enumerated() {
      let c = index / Swift.max(layout.inner, 1) % layout.channels
      let t = element / scales[c]
      let outside = outside(zeroPoint: zeros[c])
      let isInside = T(grid.min - zeros[c]) < t && t < T(grid.max - zeros[c])
      dx.append(isInside ? dy[index] : 0)
      let part: T
      if isInside {
        part = method == .pact ? 0 : t.rounded(.toNearestOrEven) - t
      } else {
        part = T(t <= T(grid.min - zeros[c]) ? outside.low : outside.high)
        dOffset[c] += Double(dy[index])
      }
      dScale[c] += Double(dy[index] * part)
    }
    let factor = gradientScale(shape: x.shape, channels: layout.channels)
    return [
      AnyTensor(shape: call.shape(0), dx),
      AnyTensor(shape: call.shape(1), dScale.map { T(factor * $0) }),
      AnyTensor(
        shape: call.shape(2), dOffset.map { method == .lsqPlus ? T(factor * $0) : 0 }),
    ]
  }
}
