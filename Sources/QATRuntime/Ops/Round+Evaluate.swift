import QATCore
import QATIR

extension Round: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { x.rounded(.toNearestOrEven) }
}
