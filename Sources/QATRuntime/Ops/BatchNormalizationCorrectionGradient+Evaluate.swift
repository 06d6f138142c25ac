import QATCore
import QATIR

extension BatchNormalizationCorrectionGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self).elements, x = call.tensor(1, as: T.self)
    let scale = call.tensor(2, as: T.self).elements, variance = call.tensor(3, as: T.self).elements
    let layout = ChannelLayout(x.shape), elements = x.elements
    let (means, variances) = layout.statistics(elements)
    var dx = dy
    var vectors = [[T]](repeating: Array(repeating: 0, count: layout.channels), count: 3)
    for c in 0..<layout.channels {
      let sum = layout.sum(of: c) { Double(dy[$0]) }
      guard
        let seen = CorrectedChannel(
          scale: scale[c], runningVariance: variance[c], batchVariance: variances[c],
          epsilon: epsilon)
      else {
        vectors[2][c] = T(sum)
        continue
      }
      let inverse = 1 / seen.spread.squareRoot()
      let normalized = { (i: Int) in (Double(elements[i]) - means[c]) * inverse }
      let slope = layout.sum(of: c) { Double(dy[$0]) * normalized($0) }
      let count = Double(layout.count), factor = abs(Double(scale[c])) * inverse
      layout.forEachRun(of: c) { run in
        for i in run {
          dx[i] = T(factor * (Double(dy[i]) - sum / count - normalized(i) * slope / count))
        }
      }
      vectors[0][c] = T((seen.k > 0 ? slope : -slope) * variances[c] / seen.spread)
      vectors[1][c] = T(sum)
    }
    return [AnyTensor(shape: x.shape, dx)]
      + vectors.map { AnyTensor(shape: [layout.channels], $0) }
  }
}
