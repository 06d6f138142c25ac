import QATCore
import QATIR

extension And: LogicalFormula {
  public func value(_ a: Bool, _ b: Bool) -> Bool { a && b }
}
