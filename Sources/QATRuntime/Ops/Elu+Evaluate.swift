import QATCore
import QATIR

extension Elu: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { x < 0 ? T(alpha) * T.expm1(x) : x }
}
