import QATCore
import QATIR

extension SoftmaxCrossEntropyGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let logits = call.tensor(1, as: T.self), x = logits.elements
    let classes = try ClassLabels(call[2], weights: call.optional(3), classes: logits.shape[1])
    let seed = Double(call.tensor(0, as: T.self).elements[0]) / classes.totalWeight
    var dx = x, row = 0
    AxisLines(logits.shape, axis: 1).forEach { line in
      var largest = -Double.infinity, total = 0.0
      for i in line { largest = max(largest, Double(x[i])) }
      for i in line { total += Double.exp(Double(x[i]) - largest) }
      let factor = seed * classes.weights[row], label = classes.labels[row]
      for (c, i) in line.enumerated() {
        let probability = Double.exp(Double(x[i]) - largest) / total
        dx[i] = T(factor * (probability - (c == label ? 1 : 0)))
      }
      row += 1
    }
    return [AnyTensor(shape: logits.shape, dx)]
  }
}
