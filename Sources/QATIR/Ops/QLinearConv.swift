import QATCore

/// Convolution of codes to codes.
///
///     acc = B[m] + sum (x - x_zero_point) * (w - w_zero_point[m])            int32, modulo 2^32
///     y   = saturate(rint(f32(acc) * ((x_scale * w_scale[m]) / y_scale)) + y_zero_point)
///
/// Padding holds `x_zero_point`.
///
/// - Operands: `x` i8 or u8 [N, C, spatial...] with its scale and zero point ([]); `w` i8 or u8
///   [M, C/group, kernel...] with scale and zero point, [] or [M]; `y_scale` and `y_zero_point` [];
///   `B` i32[M], optional, of scale `x_scale * w_scale`.
/// - Result: of the type of `y_zero_point`, [N, M, spatial...].
/// - Attributes: those of `Conv`.
public struct QLinearConv: ConvolutionOperation {
  public static let name: OpName = "QLinearConv"
  public static let operands: [OperandSpec] = [
    .codes8("x", as: "T1"), .f32("x_scale"), .codes8("x_zero_point", as: "T1"),
    .codes8("w", as: "T2"), .f32("w_scale"), .codes8("w_zero_point", as: "T2"),
    .f32("y_scale"), .codes8("y_zero_point", as: "T3"),
    OperandSpec("B", [.i32], as: nil, .optional),
  ]
  public static let attributes = convolutionAttributes

  public var window = WindowAttributes()
  public var group = 1

  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    // Shapes are those of Conv, whatever the element types.
    let bias = operands.isPresent(8) ? operands.all[8] : nil
    let shape = try Conv(window, group: group).resultTypes(
      Operands([operands.all[0], operands.all[3], bias]))[0].knownShape
    try checkQuantization(operands, scale: 1, zeroPoint: 2)
    try checkQuantization(operands, scale: 4, zeroPoint: 5, channels: shape[1])
    try checkQuantization(operands, scale: 6, zeroPoint: 7)
    return [TensorType(operands[7].element, shape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    [operands.optional(7)?.element ?? .u8]
  }
}
