import QATCore
import QATIR

extension LayerNormalizationGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self).elements, x = call.tensor(1, as: T.self)
    let rows = RowStatistics(x, axis: axis, epsilon: epsilon)
    let scale = broadcast(call.tensor(2, as: T.self), to: x.shape).elements
    var normalized = x.elements.map { Double($0) }
    var dx = dy
    for row in rows.means.indices {
      var total = 0.0, projection = 0.0
      for i in rows.range(row) {
        normalized[i] = (normalized[i] - rows.means[row]) * rows.inverseDeviations[row]
        let g = Double(dy[i]) * Double(scale[i])
        total += g
        projection += g * normalized[i]
      }
      let count = Double(rows.rowLength)
      for i in rows.range(row) {
        let g = Double(dy[i]) * Double(scale[i])
        let centered = g - total / count - normalized[i] * projection / count
        dx[i] = T(centered * rows.inverseDeviations[row])
      }
    }
    let slopes = Tensor(shape: x.shape, zip(dy, normalized).map { Double($0) * $1 })
    let dscale = sum(slopes, to: call.operands[2]?.shape ?? []).map { T($0) }
    let results = [AnyTensor(shape: x.shape, dx), AnyTensor(dscale)]
    return Array(results.prefix(call.resultTypes.count))
  }
}
