import QATCore
import QATIR

extension Softsign: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { x / (1 + x.magnitude) }
}
