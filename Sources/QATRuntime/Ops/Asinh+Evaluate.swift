import QATCore
import QATIR

extension Asinh: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { T.asinh(x) }
}
