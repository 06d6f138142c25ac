import QATCore
import QATIR

extension BatchNormalizationGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self).elements, x = call.tensor(1, as: T.self)
    let scale = call.tensor(2, as: T.self).elements
    let layout = ChannelLayout(x.shape), elements = x.elements
    let (mean, variance) = layout.statistics(elements)
    var dx = dy, dscale: [T] = [], dbias: [T] = []
    for channel in 0..<layout.channels {
      let inverse = 1 / (variance[channel] + Double(epsilon)).squareRoot()
      let normalized = { (i: Int) in (Double(elements[i]) - mean[channel]) * inverse }
      let bias = layout.sum(of: channel) { Double(dy[$0]) }
      let slope = layout.sum(of: channel) { Double(dy[$0]) * normalized($0) }
      let count = Double(layout.count), factor = Double(scale[channel]) * inverse
      layout.forEachRun(of: channel) { run in
        for i in run {
          dx[i] = T(factor * (Double(dy[i]) - bias / count - normalized(i) * slope / count))
        }
      }
      dscale.append(T(slope))
      dbias.append(T(bias))
    }
    let results = [
      AnyTensor(shape: x.shape, dx), AnyTensor(shape: [layout.channels], dscale),
      AnyTensor(shape: [layout.channels], dbias),
    ]
    return Array(results.prefix(call.resultTypes.count))
  }
}
