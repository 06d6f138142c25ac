import QATCore
import QATIR

extension FoldedBatchNormalization: Evaluable, SharesBytes {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] { [call[0]] }
}
