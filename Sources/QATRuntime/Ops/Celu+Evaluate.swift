import QATCore
import QATIR

extension Celu: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { x < 0 ? T(alpha) * T.expm1(x / T(alpha)) : x }
}
