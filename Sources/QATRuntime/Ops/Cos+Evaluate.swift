import QATCore
import QATIR

extension Cos: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { T.cos(x) }
}
