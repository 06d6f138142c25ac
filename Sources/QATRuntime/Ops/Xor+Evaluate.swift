import QATCore
import QATIR

extension Xor: LogicalFormula {
  public func value(_ a: Bool, _ b: Bool) -> Bool { a != b }
}
