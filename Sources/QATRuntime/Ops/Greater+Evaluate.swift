import QATCore
import QATIR

extension Greater: ComparisonFormula {
  public func value<T: Comparable>(_ a: T, _ b: T) -> Bool { a > b }
}
