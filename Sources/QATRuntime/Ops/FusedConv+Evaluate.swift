import QATCore
import QATIR

extension FusedConv: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let sums = EvaluationCall(
      operands: Array(call.operands.prefix(3)), resultTypes: call.resultTypes)
    guard var y = Tensor<T>(try convolution.evaluate(sums, as: T.self)[0]) else { return [] }
    if call.optional(3) != nil {
      let z = call.tensor(3, as: T.self)
      for index in y.elements.indices { y.elements[index] += z.elements[index] }
    }
    guard let range else { return [AnyTensor(y)] }
    let low = T(range.lowerBound), high = T(range.upperBound)
    return [AnyTensor(shape: y.shape, y.elements.map { $0 < low ? low : $0 > high ? high : $0 })]
  }
}
