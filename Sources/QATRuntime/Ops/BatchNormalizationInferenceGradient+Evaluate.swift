import QATCore
import QATIR

extension BatchNormalizationInferenceGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self).elements, x = call.tensor(1, as: T.self)
    let scale = call.tensor(2, as: T.self).elements, mean = call.tensor(3, as: T.self).elements
    let variance = call.tensor(4, as: T.self).elements
    let layout = ChannelLayout(x.shape), elements = x.elements
    var dx = dy, dscale: [T] = [], dbias: [T] = []
    for channel in 0..<layout.channels {
      let inverse = 1 / (Double(variance[channel]) + Double(epsilon)).squareRoot()
      let center = Double(mean[channel]), factor = Double(scale[channel]) * inverse
      layout.forEachRun(of: channel) { run in
        for i in run { dx[i] = T(Double(dy[i]) * factor) }
      }
      dscale.append(
        T(layout.sum(of: channel) { Double(dy[$0]) * (Double(elements[$0]) - center) } * inverse))
      dbias.append(T(layout.sum(of: channel) { Double(dy[$0]) }))
    }
    let results = [
      AnyTensor(shape: x.shape, dx), AnyTensor(shape: [layout.channels], dscale),
      AnyTensor(shape: [layout.channels], dbias),
    ]
    return Array(results.prefix(call.resultTypes.count))
  }
}
