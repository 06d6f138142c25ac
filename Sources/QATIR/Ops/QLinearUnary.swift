import QATCore

/// A function of each code of a tensor, by a table of 256 entries: `QLinearSigmoid`,
/// `QLinearLeakyRelu`.
public protocol QLinearUnary: WorksOnElements {}

extension QLinearUnary {
  public static var elementOperands: [Int] { [0] }
  public static var operands: [OperandSpec] { quantizedUnaryOperands }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkQuantizedUnary(operands)
    return [operands[0]]
  }
}

/// Codes, and the parameters of operand and result; zero points may be absent (0).
let quantizedUnaryOperands: [OperandSpec] = [
  .codes8("X", as: "T"), .f32("X_scale"), .codes8("X_zero_point", as: "T", .optional),
  .f32("Y_scale"), .codes8("Y_zero_point", as: "T", .optional),
]

func checkQuantizedUnary(_ operands: Operands) throws(Diagnostic) {
  try checkQuantization(operands, scale: 1, zeroPoint: 2)
  try checkQuantization(operands, scale: 3, zeroPoint: 4)
}
