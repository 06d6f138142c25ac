import QATCore
import QATIR

extension BatchNormalizationCorrection: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self), layout = ChannelLayout(x.shape)
    let known = (1..<6).map { call.tensor($0, as: T.self).elements }
    let own = call.optional(6)?.elements(as: T.self)
    let (means, variances) = layout.statistics(x.elements)
    var y = x.elements, mean = known[2], variance = known[3]
    let share = Double(momentum)
    for c in 0..<layout.channels {
      guard
        let seen = CorrectedChannel(
          scale: known[0][c], runningVariance: known[3][c], batchVariance: variances[c],
          epsilon: epsilon)
      else {
        layout.forEachRun(of: c) { run in for i in run { y[i] += known[4][c] } }
        continue
      }
      let factor = abs(Double(known[0][c])) / seen.spread.squareRoot(), bias = Double(known[1][c])
      layout.forEachRun(of: c) { run in
        for i in run { y[i] = T((Double(y[i]) - means[c]) * factor + bias) }
      }
      let batchMean = means[c] / seen.k + Double(own?[c] ?? 0)
      let batchVariance = variances[c] / seen.k / seen.k
      mean[c] = T(Double(mean[c]) * share + batchMean * (1 - share))
      variance[c] = T(Double(variance[c]) * share + batchVariance * (1 - share))
    }
    return [
      AnyTensor(shape: x.shape, y), AnyTensor(shape: [layout.channels], mean),
      AnyTensor(shape: [layout.channels], variance),
    ]
  }
}

/// The factor and the spread of a channel whose batch statistics can be seen.
struct CorrectedChannel {
  /// What the weight was multiplied by.
  let k: Double
  /// The variance of the scaled product, and epsilon on the same scale.
  let spread: Double

  init?<T: ReferenceFloat>(scale: T, runningVariance: T, batchVariance: Double, epsilon: Float) {
    k = Double(scale) / (Double(runningVariance) + Double(epsilon)).squareRoot()
    spread = batchVariance + k * k * Double(epsilon)
    guard k != 0, spread >= Double(Float.leastNormalMagnitude) else { return nil }
  }
}
