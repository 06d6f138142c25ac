import QATCore
import QATIR

extension Selu: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T {
    T(gamma) * (x > 0 ? x : T(alpha) * T.expm1(x))
  }
}
