import QATCore
import QATIR

extension Atan: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { T.atan(x) }
}
