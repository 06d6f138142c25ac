import QATCore

/// The gradient of a quantizer's learned scale through a product of codes, where nothing else is asked of the
/// gradient of what is quantized: that of a network's input.
///
///     qat.LearnedQuantizeGradient(dy · transpose(b · b_scale), x, scale, zero_point).dscale
///       = g · Σ over m, n of dy[m,n] · b_scale[n] · Σ over k of e[m,k] · b[k,n]
///
/// with g and e as method `lsq` has them: `e = rint(t) - t` inside the grid, `t = x / scale`; outside
/// `Qn` or `Qp`. The second form multiplies codes, which is faster: e is rounded to multiples of
/// 1/65024 inside the grid, of the size of what x / scale itself is rounded by from 128 steps on.
///
/// - Operands: `dy` f32[M, N]; `b` i8 [K, N] ([N, K] where `transB`), whose zero point is 0, with
///   `b_scale` f32 [] or [N]; `x` f32[M, K]; `scale` f32 [] and `zero_point` i32 [] of its codes.
/// - Result: `dscale` f32 [].
/// - Attributes: `transB`; `grid` of at most 8 bits; `batched`: axis 0 of `x` counts samples.
public struct GemmScaleGradient: Operation {
  public static let name: OpName = "qat.GemmScaleGradient"
  public static let operands: [OperandSpec] = [
    OperandSpec("dy", [.f32]), OperandSpec("b", [.i8]), .f32("b_scale"), OperandSpec("x", [.f32]),
    .f32("scale"), .i32("zero_point"),
  ]
  public static let results: [ResultSpec] = ["dscale"]
  public static let attributes: [Attribute<Self>] = [
    .init("transB", \.transB), .init("grid", \.grid), .init("batched", \.batched),
  ]

  /// Whether the second factor is transposed.
  public var transB = false
  /// The codes of the first factor.
  public var grid = IntegerGrid.int8
  /// Whether axis 0 of `x` counts samples.
  public var batched = false

  public init() {}
  /// Of the second factor's product with what a quantizer makes of x.
  public init(of quantizer: LearnedQuantizeGradient, transB: Bool) {
    (grid, batched, self.transB) = (quantizer.grid, quantizer.batched, transB)
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let product = try Gemm(transB: transB).resultTypes(
      Operands([operands.all[3], .init(TensorType(.f32, operands[1].knownShape))]))[0].knownShape
    guard operands[0].isCompatible(with: TensorType(.f32, product)) else {
      throw Diagnostic(
        .shapeMismatch, "dy has shape \(operands[0].knownShape), the product \(product)")
    }
    guard grid.bits <= 8 else {
      throw Diagnostic(.unsupported, "grid \(grid) has more than 8 bits")
    }
    try checkQuantization(operands, scale: 2, zeroPoint: 2, channels: product[1])
    try checkParameters(operands, Self.operands, 4, 5, of: operands[3].knownShape, axis: nil)
    return [TensorType(.f32, [])]
  }

  /// What the gradient of x would be given to.
  public var quantizer: LearnedQuantizeGradient {
    LearnedQuantizeGradient(grid: grid, batched: batched)
  }
}
