import QATCore
import QATIR

extension Neg: NumericUnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { -x }
  public func value<T: ReferenceInteger>(_ x: T) -> T { 0 &- x }
}
