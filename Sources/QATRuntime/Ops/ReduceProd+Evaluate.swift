import QATCore
import QATIR

extension ReduceProd: NumericEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let products = reduce(call.tensor(0, as: T.self), to: try keptShape(call), from: 1.0) {
      $0 * Double($1)
    }
    return [AnyTensor(products.map { T($0) }.reshaped(call.shape()))]
  }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self), one: T = 1
    let products = reduce(x, to: try keptShape(call), from: one) { $0 &* $1 }
    return [AnyTensor(products.reshaped(call.shape()))]
  }
}
