import QATCore
import QATIR

/// Arithmetic on two numbers of any type, given as two formulas; integers wrap around.
public protocol BinaryFormula: BinaryElementwise, NumericEvaluable {
  /// The function of two elements of a float type.
  func value<T: ReferenceFloat>(_ a: T, _ b: T) -> T
  /// The function of two elements of an integer type.
  func value<T: ReferenceInteger>(_ a: T, _ b: T) -> T
}

extension BinaryFormula {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let a = call.tensor(0, as: T.self), b = call.tensor(1, as: T.self)
    return [AnyTensor(broadcast(a, b, to: call.shape()) { value($0, $1) })]
  }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let a = call.tensor(0, as: T.self), b = call.tensor(1, as: T.self)
    return [AnyTensor(broadcast(a, b, to: call.shape()) { value($0, $1) })]
  }
}
