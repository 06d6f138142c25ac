import QATCore
import QATIR

extension Atanh: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { T.atanh(x) }
}
