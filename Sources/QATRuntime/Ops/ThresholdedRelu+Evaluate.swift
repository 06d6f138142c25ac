import QATCore
import QATIR

extension ThresholdedRelu: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { x > T(alpha) ? x : 0 }
}
