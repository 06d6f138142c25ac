import QATCore
import QATIR

extension SoftmaxCrossEntropy: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let logits = call.tensor(0, as: T.self), x = logits.elements
    let classes = try ClassLabels(call[1], weights: call.optional(2), classes: logits.shape[1])
    var loss = 0.0, row = 0
    AxisLines(logits.shape, axis: 1).forEach { line in
      var largest = -Double.infinity, total = 0.0
      for i in line { largest = max(largest, Double(x[i])) }
      for i in line { total += Double.exp(Double(x[i]) - largest) }
      let label = classes.labels[row]
      for (c, i) in line.enumerated() where c == label {
        loss += classes.weights[row] * (Double.log(total) + largest - Double(x[i]))
      }
      row += 1
    }
    return [AnyTensor(T(loss / classes.totalWeight))]
  }
}
