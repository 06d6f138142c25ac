import QATCore
import QATIR

extension Min: VariadicFormula {
  /// NaN wins.
  public func value<T: ReferenceFloat>(_ a: T, _ b: T) -> T { a < b || a.isNaN ? a : b }
  public func value<T: ReferenceInteger>(_ a: T, _ b: T) -> T { min(a, b) }
}
