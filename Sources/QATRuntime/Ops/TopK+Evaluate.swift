import QATCore
import QATIR

extension TopK: NumericEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    chosen(call, as: T.self) { $0 > $1 || ($0.isNaN && !$1.isNaN) }
  }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] { chosen(call, as: T.self, >) }

  /// The first elements of each line when it is sorted; `isLarger` is strict.
  private func chosen<T: TensorScalar>(
    _ call: EvaluationCall, as: T.Type, _ isLarger: (T, T) -> Bool
  ) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self), elements = x.elements
    let lines = AxisLines(x.shape, axis: axis), chosen = AxisLines(call.shape(), axis: axis)
    var values = Array(repeating: T.zero, count: chosen.count * chosen.length)
    var indices = Array(repeating: Int64(0), count: values.count)
    for line in 0..<lines.count {
      // Two copies of a line, so that what is compared lies together.
      let candidates = lines[line].map { elements[$0] }
      let order = candidates.indices.sorted { a, b in
        let p = candidates[a], q = candidates[b]
        if isLarger(p, q) { return largest }
        if isLarger(q, p) { return !largest }
        return a < b
      }
      for (index, target) in zip(order, chosen[line]) {
        values[target] = candidates[index]
        indices[target] = Int64(index)
      }
    }
    let results = [AnyTensor(shape: call.shape(), values), AnyTensor(shape: call.shape(), indices)]
    return Array(results.prefix(call.resultTypes.count))
  }
}

extension TopKGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self), indices = call.tensor(1, as: Int64.self).elements
    var dx = Tensor<T>(shape: call.shape())
    let lines = AxisLines(dx.shape, axis: axis), chosen = AxisLines(dy.shape, axis: axis)
    for line in 0..<chosen.count {
      let start = lines.start(of: line)
      for source in chosen[line] {
        dx.elements[start + Int(indices[source]) * lines.stride] += dy.elements[source]
      }
    }
    return [AnyTensor(dx)]
  }
}
