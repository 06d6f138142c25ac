import QATCore
import QATIR

extension Or: LogicalFormula {
  public func value(_ a: Bool, _ b: Bool) -> Bool { a || b }
}
