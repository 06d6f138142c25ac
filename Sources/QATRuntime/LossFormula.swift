import QATCore
import QATIR

/// The loss of one element, given as a formula in double precision; the mean over all is the loss.
public protocol LossFormula: ElementwiseLoss, FloatEvaluable {
  /// The loss of one element.
  func loss(_ prediction: Double, _ target: Double) -> Double
}

extension LossFormula {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let prediction = call.tensor(0, as: T.self).elements
    let target = call.tensor(1, as: T.self).elements
    var total = 0.0
    for i in prediction.indices { total += loss(Double(prediction[i]), Double(target[i])) }
    return [AnyTensor(T(total / Double(prediction.count)))]
  }
}
