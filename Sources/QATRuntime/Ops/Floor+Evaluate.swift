import QATCore
import QATIR

extension Floor: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { x.rounded(.down) }
}
