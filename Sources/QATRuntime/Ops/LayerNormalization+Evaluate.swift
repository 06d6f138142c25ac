import QATCore
import QATIR

extension LayerNormalization: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self)
    let rows = RowStatistics(x, axis: axis, epsilon: epsilon)
    let scale = broadcast(call.tensor(1, as: T.self), to: x.shape).elements
    let bias =
      call.optional(2) == nil ? nil : broadcast(call.tensor(2, as: T.self), to: x.shape).elements
    var y = x.elements
    for row in rows.means.indices {
      for i in rows.range(row) {
        let normalized = (Double(y[i]) - rows.means[row]) * rows.inverseDeviations[row]
        y[i] = T(normalized * Double(scale[i]) + (bias.map { Double($0[i]) } ?? 0))
      }
    }
    var results = [AnyTensor(shape: x.shape, y)]
    for (index, values) in [(1, rows.means), (2, rows.inverseDeviations)]
    where index < call.resultTypes.count {
      switch call.resultTypes[index].element {
      case .f32: results.append(AnyTensor(shape: call.shape(index), values.map { Float($0) }))
      case .f64: results.append(AnyTensor(shape: call.shape(index), values))
      default: throw call.unsupportedElement(call.resultTypes[index].element)
      }
    }
    return results
  }
}
