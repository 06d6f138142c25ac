import QATCore
import QATIR

extension BitShift: IntegerBinaryFormula {
  public func value<T: ReferenceInteger>(_ a: T, _ b: T) -> T {
    // Swift's own shift of too many places gives what is left: zeros, or copies of the sign.
    let places = b < 0 ? T.bitWidth : Int(clamping: b)
    return direction == "LEFT" ? a << places : a >> places
  }
}
