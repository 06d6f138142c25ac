import QATCore

/// Arithmetic on two tensors of codes with parameters of their own, broadcast by NumPy's rule:
/// `QLinearAdd` and `QLinearMul`.
public protocol QLinearBinary: WorksOnElements {}

extension QLinearBinary {
  public static var elementOperands: [Int] { [0, 3] }
  public static var operands: [OperandSpec] {
    [
      .codes8("A", as: "T"), .f32("A_scale"), .codes8("A_zero_point", as: "T", .optional),
      .codes8("B", as: "T"), .f32("B_scale"), .codes8("B_zero_point", as: "T", .optional),
      .f32("C_scale"), .codes8("C_zero_point", as: "T", .optional),
    ]
  }
  public static var results: [ResultSpec] { ["C"] }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    for (scale, zeroPoint) in [(1, 2), (4, 5), (6, 7)] {
      try checkQuantization(operands, scale: scale, zeroPoint: zeroPoint)
    }
    let shape = try broadcastShape([operands[0].knownShape, operands[3].knownShape])
    return [TensorType(operands[0].element, shape)]
  }
}
