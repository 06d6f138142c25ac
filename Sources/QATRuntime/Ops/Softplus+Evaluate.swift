import QATCore
import QATIR

extension Softplus: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { T.softplus(x) }
}
