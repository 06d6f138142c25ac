import QATCore
import QATIR

extension Sign: NumericUnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { x > 0 ? 1 : x < 0 ? -1 : x }
  public func value<T: ReferenceInteger>(_ x: T) -> T { T(truncatingIfNeeded: x.signum()) }
}
