import QATCore
import QATIR

extension ReshapeLike: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    [call[0].reshaped(call.shape())]
  }
}
