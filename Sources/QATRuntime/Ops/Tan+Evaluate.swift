import QATCore
import QATIR

extension Tan: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { T.tan(x) }
}
