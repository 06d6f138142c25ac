import QATCore
import QATIR

/// A function of one float, given as a formula.
public protocol UnaryFormula: UnaryElementwise, FloatEvaluable {
  /// The function of one element.
  func value<T: ReferenceFloat>(_ x: T) -> T
}

extension UnaryFormula {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    [AnyTensor(call.tensor(0, as: T.self).map { value($0) })]
  }
}

/// A function of one number of any type, given as two formulas.
public protocol NumericUnaryFormula: UnaryElementwise, NumericEvaluable {
  /// The function of one element of a float type.
  func value<T: ReferenceFloat>(_ x: T) -> T
  /// The function of one element of an integer type.
  func value<T: ReferenceInteger>(_ x: T) -> T
}

extension NumericUnaryFormula {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    [AnyTensor(call.tensor(0, as: T.self).map { value($0) })]
  }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    [AnyTensor(call.tensor(0, as: T.self).map { value($0) })]
  }
}
