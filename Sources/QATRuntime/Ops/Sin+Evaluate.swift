import QATCore
import QATIR

extension Sin: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { T.sin(x) }
}
