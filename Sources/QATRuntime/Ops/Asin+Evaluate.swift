import QATCore
import QATIR

extension Asin: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { T.asin(x) }
}
