import QATCore
import QATIR

extension Log: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { T.log(x) }
}
