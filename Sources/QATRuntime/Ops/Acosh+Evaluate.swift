import QATCore
import QATIR

extension Acosh: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { T.acosh(x) }
}
