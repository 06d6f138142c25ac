import QATCore
import QATIR

/// Instance and group normalization: the rows of [N · groups, channels of a group · elements] are
/// normalized.
protocol GroupNormalizingEvaluable: GroupNormalizing, FloatEvaluable {}

extension InstanceNormalization: GroupNormalizingEvaluable {}
extension GroupNormalization: GroupNormalizingEvaluable {}

extension GroupNormalizingEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self), layout = ChannelLayout(x.shape)
    let scale = call.tensor(1, as: T.self).elements, bias = call.tensor(2, as: T.self).elements
    let groups = groupCount ?? layout.channels
    guard groups > 0, x.count > 0 else { return [call[0]] }
    let rows = x.reshaped([layout.batch * groups, x.count / (layout.batch * groups)])
    let statistics = RowStatistics(rows, axis: 1, epsilon: epsilon)
    var y = x.elements
    for row in statistics.means.indices {
      for i in statistics.range(row) {
        let channel = i / layout.inner % layout.channels
        let normalized = (Double(y[i]) - statistics.means[row]) * statistics.inverseDeviations[row]
        y[i] = T(normalized * Double(scale[channel]) + Double(bias[channel]))
      }
    }
    return [AnyTensor(shape: x.shape, y)]
  }
}
