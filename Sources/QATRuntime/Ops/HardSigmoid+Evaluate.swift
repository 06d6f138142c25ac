import QATCore
import QATIR

extension HardSigmoid: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T {
    max(0, min(1, T(alpha) * x + T(beta)))
  }
}
