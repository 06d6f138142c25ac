import QATCore
import QATIR

extension Sub: BinaryFormula {
  public func value<T: ReferenceFloat>(_ a: T, _ b: T) -> T { a - b }
  public func value<T: ReferenceInteger>(_ a: T, _ b: T) -> T { a &- b }
}
