import QATCore
import QATIR

extension Tanh: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { T.tanh(x) }
}
