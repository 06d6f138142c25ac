import QATCore
import QATIR

extension Expand: ElementMoving {
  public func move<Bits: ReferenceInteger>(
    _ call: EvaluationCall, as: Bits.Type
  ) throws(Diagnostic) -> Tensor<Bits> {
    broadcast(call.tensor(0, as: Bits.self), to: call.shape())
  }
}
