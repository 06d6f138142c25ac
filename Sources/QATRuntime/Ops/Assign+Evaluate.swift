import QATCore
import QATIR

extension Assign: Evaluable {
  /// The value to assign, although the operation has no results: whoever runs the graph stores it.
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] { [call[1]] }
}
