import QATCore
import QATIR

/// A comparison of two numbers of any type, given as a formula.
public protocol ComparisonFormula: ComparisonElementwise, NumericEvaluable {
  /// Whether the comparison holds.
  func value<T: Comparable>(_ a: T, _ b: T) -> Bool
}

extension ComparisonFormula {
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

/// A function of two truth values, given as a formula.
public protocol LogicalFormula: ComparisonElementwise, Evaluable {
  /// The function of two truth values.
  func value(_ a: Bool, _ b: Bool) -> Bool
}

extension LogicalFormula {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let a = call.tensor(0, as: Bool.self), b = call.tensor(1, as: Bool.self)
    return [AnyTensor(broadcast(a, b, to: call.shape()) { value($0, $1) })]
  }
}
