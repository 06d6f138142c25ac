import QATCore
import QATIR

extension Relu: NumericUnaryFormula {
  /// NaN stays.
  public func value<T: ReferenceFloat>(_ x: T) -> T { x < 0 ? 0 : x }
  public func value<T: ReferenceInteger>(_ x: T) -> T { max(x, 0) }
}
