import QATCore

/// A function of single codes, as a table: `y = table[x]`, where a signed code counts as its bit
/// pattern (-1 is entry 255).
///
/// - Operands: `x` i8 or u8; `table` i8 or u8 [256].
/// - Result: shaped like `x`, of the type of the table.
public struct CodeTable: Operation {
  public static let name: OpName = "qat.CodeTable"
  public static let operands: [OperandSpec] = [
    .codes8("x", as: "T1"), .codes8("table", as: "T2"),
  ]

  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    guard operands[1].shape?.sizes ?? [256] == [256] else {
      throw Diagnostic(.shapeMismatch, "the table is \(operands[1]), expected 256 codes")
    }
    return [TensorType(operands[1].element, operands[0].knownShape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    [operands.optional(1)?.element ?? .u8]
  }
}
