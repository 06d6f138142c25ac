import QATCore
import QATIR

extension LearnedSGD: Evaluable {
  /// In the order of the definition.
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let gradients = try ReferenceEvaluator.evaluate(
      quantizer, [call[1], call[0], call[4], call[5]], resultCount: 2)
    let updated = try ReferenceEvaluator.evaluate(
      sgd, [call[0], gradients[0], call[2], call[3]], resultCount: 2)
    return updated + [gradients[1]]
  }
}
