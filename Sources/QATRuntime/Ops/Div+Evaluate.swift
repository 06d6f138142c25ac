import QATCore
import QATIR

extension Div: BinaryFormula {
  public func value<T: ReferenceFloat>(_ a: T, _ b: T) -> T { a / b }
  public func value<T: ReferenceInteger>(_ a: T, _ b: T) -> T {
    a.dividedReportingOverflow(by: b).partialValue
  }

  /// - Throws: `invalid-data` for a division by 0.
  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let a = call.tensor(0, as: T.self), b = call.tensor(1, as: T.self)
    if b.elements.contains(0) {
      throw Diagnostic(.invalidData, "an integer is divided by 0")
    }
    return [AnyTensor(broadcast(a, b, to: call.shape()) { value($0, $1) })]
  }
}
