import QATCore
import QATIR

extension Exp: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { T.exp(x) }
}
