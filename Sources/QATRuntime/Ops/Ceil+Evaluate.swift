import QATCore
import QATIR

extension Ceil: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { x.rounded(.up) }
}
