import QATCore
import QATIR

extension BitwiseOr: IntegerBinaryFormula {
  public func value<T: ReferenceInteger>(_ a: T, _ b: T) -> T { a | b }
}
