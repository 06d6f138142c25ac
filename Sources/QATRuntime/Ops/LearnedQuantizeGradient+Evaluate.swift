import QATCore
import QATIR

extension LearnedQuantizeGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self).elements, x = call.tensor(1, as: T.self)
    let scales = call.tensor(2, as: T.self).elements, zeros = call.zeroPoints(3)
    let granularity = try Granularity(of: x.shape, axis: axis, blockSize: blockSize)
    var dx: [T] = []
    dx.reserveCapacity(x.count)
    var dScale = Array(repeating: 0.0, count: scales.count), dOffset = dScale
    var counts = Array(repeating: 0, count: scales.count)
    for (index, element) in x.elements.enumerated() {
      let c = granularity.parameter(of: index)
      counts[c] += 1
      let t = element / scales[c]
      let outside = outside(zeroPoint: zeros[c])
      let isInside = T(grid.min - zeros[c]) < t && t < T(grid.max - zeros[c])
      dx.append(isInside && (!positive || element > 0) ? dy[index] : 0)
      let part: T
      if isInside {
        part = method == .pact ? 0 : t.rounded(.toNearestOrEven) - t
      } else {
        part = T(t > T(grid.min - zeros[c]) ? outside.high : outside.low)
        dOffset[c] += Double(dy[index])
      }
      dScale[c] += Double(dy[index] * part)
    }
    let factors = counts.map { gradientScale(elements: $0, samples: x.shape.first ?? 1) }
    let parameters = call[2].shape
    let all = [
      AnyTensor(shape: x.shape, dx),
      AnyTensor(shape: parameters, zip(factors, dScale).map { T($0 * $1) }),
      AnyTensor(
        shape: parameters,
        zip(factors, dOffset).map { method == .lsqPlus ? T($0 * $1) : 0 }),
    ]
    return Array(all.prefix(call.resultTypes.count))
  }
}
