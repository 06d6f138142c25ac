import QATCore
import QATIR

extension Sigmoid: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { 1 / (1 + T.exp(-x)) }
}
