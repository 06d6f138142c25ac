import QATCore
import QATIR

extension Swish: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { x / (1 + T.exp(-T(alpha) * x)) }
}
