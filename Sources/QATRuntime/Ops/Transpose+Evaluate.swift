import QATCore
import QATIR

extension Transpose: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let x = call[0]
    let strides = rowMajorStrides(x.shape)
    let permuted = permutation(rank: x.shape.count).map { strides[$0] }
    return [x.taking(viewOffsets(shape: call.shape(), strides: permuted), shape: call.shape())]
  }
}
