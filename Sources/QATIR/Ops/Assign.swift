import QATCore

/// Gives a variable a new value at the end of a run. It is there for this effect and has no
/// results.
///
/// - Operands: `variable`, a variable of the graph; `value` of the same type.
public struct Assign: Operation {
  public static let name: OpName = "qat.Assign"
  public static let operands: [OperandSpec] = [.any("variable"), .any("value")]
  public static let results: [ResultSpec] = []
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let variable = operands[0].knownShape, value = operands[1].knownShape
    let agree =
      variable.rank == value.rank
      && zip(variable.dimensions, value.dimensions).allSatisfy {
        $0 == $1 || $0.size == nil || $1.size == nil
      }
    guard agree else {
      throw Diagnostic(.shapeMismatch, "the variable has shape \(variable), the value \(value)")
    }
    return []
  }
}
