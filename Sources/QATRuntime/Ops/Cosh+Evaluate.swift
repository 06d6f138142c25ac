import QATCore
import QATIR

extension Cosh: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { T.cosh(x) }
}
