import QATCore

/// How what `qat.FakeQuantize` makes of an element changes with its learned scale, by method `lsq`.
///
///     t = x / scale, Qn = grid.min - zero_point, Qp = grid.max - zero_point
///     y = g · (Qn < t < Qp ? rint(t) - t : t > Qn ? Qp : Qn)
///
/// with g as `qat.LearnedQuantizeGradient` has it, so that `dscale = Σ dy · y` there.
///
/// - Operands: `x` f32[...]; `scale` f32 []; `zero_point` i32 [].
/// - Result: the type of `x`.
/// - Attributes: `grid`; `batched`: axis 0 counts samples.
/// - Source: arXiv:1902.08153, eq. 3 and section 2.2.
public struct ScaleDerivative: Operation {
  public static let name: OpName = "qat.ScaleDerivative"
  public static let operands: [OperandSpec] = [.f32("x"), .f32("scale"), .i32("zero_point")]
  public static let attributes: [Attribute<Self>] = [
    .init("grid", \.grid), .init("batched", \.batched),
  ]

  /// The codes.
  public var grid = IntegerGrid.int8
  /// Whether axis 0 of `x` counts samples.
  public var batched = false

  public init() {}
  /// That by which a gradient with one scale multiplies.
  public init(of quantizer: LearnedQuantizeGradient) {
    (grid, batched) = (quantizer.grid, quantizer.batched)
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkParameters(operands, Self.operands, 1, 2, of: operands[0].knownShape, axis: nil)
    return [operands[0]]
  }

  /// The gradient that multiplies by it.
  public var quantizer: LearnedQuantizeGradient {
    LearnedQuantizeGradient(grid: grid, batched: batched)
  }
}
