import QATCore
import QATIR

extension BitwiseXor: IntegerBinaryFormula {
  public func value<T: ReferenceInteger>(_ a: T, _ b: T) -> T { a ^ b }
}
