import QATCore
import QATIR

extension LeakyRelu: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { x < 0 ? T(alpha) * x : x }
}
