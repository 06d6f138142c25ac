import QATCore
import QATIR

extension GreaterOrEqual: ComparisonFormula {
  public func value<T: Comparable>(_ a: T, _ b: T) -> Bool { a >= b }
}
