import QATCore
import QATIR

extension Sinh: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { T.sinh(x) }
}
