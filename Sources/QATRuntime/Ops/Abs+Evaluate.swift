import QATCore
import QATIR

extension Abs: NumericUnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { x.magnitude }
  public func value<T: ReferenceInteger>(_ x: T) -> T { x < 0 ? 0 &- x : x }
}
