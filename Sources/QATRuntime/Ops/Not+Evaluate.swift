import QATCore
import QATIR

extension Not: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    [AnyTensor(call.tensor(0, as: Bool.self).map { !$0 })]
  }
}
