import QATCore

/// Convolution of codes with a float result, as quantization-aware training computes it forward.
///
///     acc = sum (x - x_zero_point) * w                             int32, modulo 2^32
///     y   = fma(f32(acc), x_scale * w_scale[m], B[m])
///
/// Padding holds `x_zero_point`. Without `B` the product alone.
///
/// - Operands: `x` i8 or u8 [N, C, spatial...] with `x_scale` f32 and `x_zero_point` i32, []; `w` i8
///   [M, C/group, kernel...], whose zero point is 0, with `w_scale` f32 [] or [M]; `B` f32[M],
///   optional.
/// - Result: f32[N, M, spatial...].
/// - Attributes: those of `Conv`.
public struct ConvIntegerToFloat: ConvolutionOperation {
  public static let name: OpName = "qat.ConvIntegerToFloat"
  public static let operands: [OperandSpec] = [
    .codes8("x", as: "T1"), .f32("x_scale"), .i32("x_zero_point"), OperandSpec("w", [.i8]),
    .f32("w_scale"), OperandSpec("B", [.f32], as: nil, .optional),
  ]
  public static let attributes = convolutionAttributes

  public var window = WindowAttributes()
  public var group = 1

  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let bias = operands.isPresent(5) ? operands.all[5] : nil
    let shape = try Conv(window, group: group).resultTypes(
      Operands([operands.all[0], operands.all[3], bias]))[0].knownShape
    try checkParameters(operands, Self.operands, 1, 2, of: shape, axis: nil)
    try checkQuantization(operands, scale: 4, zeroPoint: 4, channels: shape[1])
    return [TensorType(.f32, shape)]
  }

  public func resultElements(_: Operands) -> [ElementType] { [.f32] }
}

extension ConvIntegerToFloat: OnImages {}
