import QATCore
import QATIR

extension HardSwish: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { x * max(0, min(1, x / 6 + 0.5)) }
}
