import QATCore

/// One step of stochastic gradient descent for weights whose quantizer learns its scale, and the gradient of
/// that scale, in one reading of both.
///
///     dw, dscale = qat.LearnedQuantizeGradient(dy, w, scale, zero_point)
///     w', velocity' = qat.SGD(w, dw, velocity, learning_rate)
///
/// - Operands: `w`, `dy` (the gradient of what the quantizer made of `w`) and `velocity` f32, of one
///   shape; `learning_rate` f32[]; `scale` f32 [] or [C] and `zero_point` i32, shaped like it.
/// - Results: the new `w`, the new `velocity`; `dscale`, shaped like `scale`.
/// - Attributes: those of `qat.SGD`; `grid` and `axis` of the quantizer, whose method is `lsq`.
public struct LearnedSGD: Operation {
  public static let name: OpName = "qat.LearnedSGD"
  public static let operands: [OperandSpec] = [
    .f32("w"), .f32("dy"), .f32("velocity"), .f32("learning_rate"), .f32("scale"),
    .i32("zero_point"),
  ]
  public static let results: [ResultSpec] = ["w", "velocity", "dscale"]
  public static let attributes: [Attribute<Self>] = [
    .init("momentum", \.sgd.momentum), .init("nesterov", \.sgd.nesterov),
    .init("weight_decay", \.sgd.weightDecay), .init("grid", \.grid), .init("axis", \.axis),
  ]

  /// The step.
  public var sgd = SGD()
  /// The codes.
  public var grid = IntegerGrid.int8
  /// The channel axis of `w`, or `nil` for one scale per tensor.
  public var axis: Int? = nil

  public init() {}
  /// A step for weights that a quantizer reads.
  public init(_ sgd: SGD, grid: IntegerGrid, axis: Int?) {
    (self.sgd, self.grid, self.axis) = (sgd, grid, axis)
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkSameShapes(operands, [0, 1, 2])
    try checkParameters(operands, Self.operands, 4, 5, of: operands[0].knownShape, axis: axis)
    return [operands[0], operands[0], operands[4]]
  }

  /// What makes the gradient of `w`.
  public var quantizer: LearnedQuantizeGradient { LearnedQuantizeGradient(grid: grid, axis: axis) }
}
