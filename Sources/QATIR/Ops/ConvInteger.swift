import QATCore

/// Convolution of codes, accumulated: `y = sum (x - x_zero_point) * (w - w_zero_point[m])`, modulo
/// 2^32; padding holds `x_zero_point`.
///
/// - Operands: `x` i8 or u8 [N, C, spatial...]; `w` i8 or u8 [M, C/group, kernel...]; zero points,
///   optional, of `x` [] and of `w` [] or [M].
/// - Result: i32[N, M, spatial...].
/// - Attributes: those of `Conv`.
public struct ConvInteger: ConvolutionOperation {
  public static let name: OpName = "ConvInteger"
  public static let operands: [OperandSpec] = [
    .codes8("x", as: "T1"), .codes8("w", as: "T2"), .codes8("x_zero_point", as: "T1", .optional),
    .codes8("w_zero_point", as: "T2", .optional),
  ]
  public static let attributes = convolutionAttributes

  public var window = WindowAttributes()
  public var group = 1

  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let shape = try Conv(window, group: group).resultTypes(
      Operands([operands.all[0], operands.all[1]]))[0].knownShape
    try checkQuantization(operands, scale: 2, zeroPoint: 2)
    try checkQuantization(operands, scale: 3, zeroPoint: 3, channels: shape[1])
    return [TensorType(.i32, shape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] { [.i32] }
}
