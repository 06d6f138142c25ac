import QATCore
import QATIR

/// A fold over the operands of a variadic operation, given as two formulas.
public protocol VariadicFormula: VariadicElementwise, NumericEvaluable {
  /// What is so far with one more element, of a float type.
  func value<T: ReferenceFloat>(_ a: T, _ b: T) -> T
  /// What is so far with one more element, of an integer type.
  func value<T: ReferenceInteger>(_ a: T, _ b: T) -> T
}

extension VariadicFormula {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    var result = broadcast(call.tensor(0, as: T.self), to: call.shape())
    for index in call.operands.indices.dropFirst() {
      let next = call.tensor(index, as: T.self)
      result = broadcast(result, next, to: call.shape()) { value($0, $1) }
    }
    return [AnyTensor(result)]
  }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    var result = broadcast(call.tensor(0, as: T.self), to: call.shape())
    for index in call.operands.indices.dropFirst() {
      let next = call.tensor(index, as: T.self)
      result = broadcast(result, next, to: call.shape()) { value($0, $1) }
    }
    return [AnyTensor(result)]
  }
}
