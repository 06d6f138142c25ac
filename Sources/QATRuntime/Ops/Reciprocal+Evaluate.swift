import QATCore
import QATIR

extension Reciprocal: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { 1 / x }
}
