import QATCore
import QATIR

extension BatchNormalization: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    try call.requireElement(T.elementType, [0, 1, 2, 3, 4])
    let x = call.tensor(0, as: T.self), layout = ChannelLayout(x.shape)
    let scale = call.tensor(1, as: T.self).elements, bias = call.tensor(2, as: T.self).elements
    let known = [3, 4].map { call.tensor($0, as: T.self).elements.map { Double($0) } }
    let (mean, variance) = trainingMode ? layout.statistics(x.elements) : (known[0], known[1])
    var y = x.elements
    for channel in 0..<layout.channels {
      let factor = Double(scale[channel]) / (variance[channel] + Double(epsilon)).squareRoot()
      let offset = Double(bias[channel])
      layout.forEachRun(of: channel) { run in
        for i in run { y[i] = T((Double(y[i]) - mean[channel]) * factor + offset) }
      }
    }
    let share = Double(momentum)
    let running = zip(known, [mean, variance]).map { old, new in
      zip(old, new).map { T($0 * share + $1 * (1 - share)) }
    }
    let results = [
      AnyTensor(shape: x.shape, y), AnyTensor(shape: [layout.channels], running[0]),
      AnyTensor(shape: [layout.channels], running[1]),
    ]
    return Array(results.prefix(call.resultTypes.count))
  }
}
