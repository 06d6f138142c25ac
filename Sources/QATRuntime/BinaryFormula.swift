import QATCore
import QATIR

/// Arithmetic on two numbers of any type, given as two formulas; integers wrap around.
public protocol BinaryFormula: IntegerBinaryFormula, NumericEvaluable {
  /// The function of two elements of a float type.
  func value<T: ReferenceFloat>(_ a: T, _ b: T) -> T
}

extension BinaryFormula {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let a = call.tensor(0, as: T.self), b = call.tensor(1, as: T.self)
    return [AnyTensor(broadcast(a, b, to: call.shape()) { value($0, $1) })]
  }
}

/// A function of two integers of one type, given as a formula.
public protocol IntegerBinaryFormula: BinaryElementwise, IntegerEvaluable {
  /// The function of two elements.
  func value<T: ReferenceInteger>(_ a: T, _ b: T) -> T
}

extension IntegerBinaryFormula {
  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let a = call.tensor(0, as: T.self), b = call.tensor(1, as: T.self)
    return [AnyTensor(broadcast(a, b, to: call.shape()) { value($0, $1) })]
  }
}
