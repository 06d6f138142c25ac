import QATCore
import QATIR

extension Sqrt: UnaryFormula {
  public func value<T: ReferenceFloat>(_ x: T) -> T { x.squareRoot() }
}
