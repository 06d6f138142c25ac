import QATCore
import QATIR

extension Erf: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { T.erf(x) }
}
