import QATCore
import QATIR

extension Mish: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { x * T.tanh(T.softplus(x)) }
}
