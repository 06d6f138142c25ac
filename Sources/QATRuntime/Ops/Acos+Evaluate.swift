import QATCore
import QATIR

extension Acos: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { T.acos(x) }
}
