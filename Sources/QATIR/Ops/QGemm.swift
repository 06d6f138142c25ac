import QATCore

/// Matrix product of codes with an int32 summand.
///
///     acc = C + sum (A - a_zero_point) * (B - b_zero_point[n])               int32, modulo 2^32
///     y   = saturate(rint(f32(acc) * (((alpha * a_scale) * b_scale[n]) / y_scale)) + y_zero_point)
///
/// Without `y_scale` and `y_zero_point` the result is `f32(acc) * ((alpha * a_scale) *
/// b_scale[n])`.
///
/// - Operands: `A` i8 or u8 [M, K] ([K, M] where `transA`) with parameters []; `B` i8 or u8 [K, N]
///   ([N, K] where `transB`) with parameters [] or [N]; `C` i32, optional, which broadcasts to [M,
///   N], of scale `alpha * a_scale * b_scale`; `y_scale` and `y_zero_point`, optional, [].
/// - Result: [M, N], of the type of `y_zero_point`, or f32.
public struct QGemm: Operation {
  public static let name: OpName = "com.microsoft.QGemm"
  public static let operands: [OperandSpec] = [
    .codes8("A", as: "TA"), .f32("a_scale"), .codes8("a_zero_point", as: "TA"),
    .codes8("B", as: "TB"), .f32("b_scale"), .codes8("b_zero_point", as: "TB"),
    OperandSpec("C", [.i32], as: nil, .optional),
    OperandSpec("y_scale", [.f32], as: nil, .optional),
    .codes8("y_zero_point", as: "TY", .optional),
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("alpha", \.alpha), .init("transA", \.transA), .init("transB", \.transB),
  ]

  /// The factor of the product.
  public var alpha: Float = 1
  /// Whether the first operand is transposed.
  public var transA = false
  /// Whether the second operand is transposed.
  public var transB = false

  public init() {}
  public init(alpha: Float = 1, transA: Bool = false, transB: Bool = false) {
    self.alpha = alpha
    self.transA = transA
    self.transB = transB
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    guard operands.isPresent(7) == operands.isPresent(8) else {
      throw Diagnostic(.invalidOperand, "y_scale and y_zero_point come together or not at all")
    }
    let c = operands.isPresent(6) ? operands.all[6] : nil
    let shape = try Gemm(transA: transA, transB: transB).resultTypes(
      Operands([operands.all[0], operands.all[3], c]))[0].knownShape
    try checkQuantization(operands, scale: 1, zeroPoint: 2)
    try checkQuantization(operands, scale: 4, zeroPoint: 5, channels: shape[1])
    try checkQuantization(operands, scale: 7, zeroPoint: 8)
    return [TensorType(resultElements(operands)[0], shape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    [operands.optional(8)?.element ?? .f32]
  }
}
