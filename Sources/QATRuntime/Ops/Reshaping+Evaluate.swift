import QATCore
import QATIR

// Operations that keep the elements and their order; the result shares the operand's bytes.

extension Reshape: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    [call[0].reshaped(call.shape())]
  }
}

extension Flatten: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    [call[0].reshaped(call.shape())]
  }
}

extension Squeeze: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    [call[0].reshaped(call.shape())]
  }
}

extension Unsqueeze: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    [call[0].reshaped(call.shape())]
  }
}
