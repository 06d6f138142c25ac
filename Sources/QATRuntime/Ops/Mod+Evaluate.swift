import QATCore
import QATIR

extension Mod: BinaryFormula {
  public func value<T: ReferenceFloat>(_ a: T, _ b: T) -> T {
    let rest = a.truncatingRemainder(dividingBy: b)
    if truncates || rest.isNaN { return rest }
    if rest == 0 { return b < 0 ? -0.0 : 0 }
    return (rest < 0) == (b < 0) ? rest : rest + b
  }

  public func value<T: ReferenceInteger>(_ a: T, _ b: T) -> T { rest(a, b) }
}
