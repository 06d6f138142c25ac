import QATCore

/// Matrix product of codes with a float result, as quantization-aware training computes it forward.
///
///     acc = sum (a - a_zero_point) * b                             int32, modulo 2^32
///     y   = fma(f32(acc), a_scale * b_scale[n], c[n])
///
/// Without `c` the product alone.
///
/// - Operands: `a` i8 or u8 [M, K] with `a_scale` f32 and `a_zero_point` i32, []; `b` i8 [K, N]
///   ([N, K] where `transB`), whose zero point is 0, with `b_scale` f32 [] or [N]; `c` f32[N],
///   optional.
/// - Result: f32[M, N].
public struct GemmIntegerToFloat: Operation {
  public static let name: OpName = "qat.GemmIntegerToFloat"
  public static let operands: [OperandSpec] = [
    .codes8("a", as: "T1"), .f32("a_scale"), .i32("a_zero_point"), OperandSpec("b", [.i8]),
    .f32("b_scale"), OperandSpec("c", [.f32], as: nil, .optional),
  ]
  public static let attributes: [Attribute<Self>] = [.init("transB", \.transB)]

  /// Whether the second operand is transposed.
  public var transB = false

  public init() {}
  public init(transB: Bool) { self.transB = transB }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let shape = try Gemm(transB: transB).resultTypes(
      Operands([operands.all[0], operands.all[3]]))[0].knownShape
    try checkParameters(operands, Self.operands, 1, 2, of: shape, axis: nil)
    try checkQuantization(operands, scale: 4, zeroPoint: 4, channels: shape[1])
    if let c = operands.optional(5)?.shape, c.rank != 1 {
      throw Diagnostic(.shapeMismatch, "c has shape \(c), expected one number a column")
    }
    return [TensorType(.f32, shape)]
  }

  public func resultElements(_: Operands) -> [ElementType] { [.f32] }
}
