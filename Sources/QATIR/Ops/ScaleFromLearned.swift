import QATCore

/// The scale and the zero point of a learned quantizer, by `LearnedQuantizer.parameters`.
///
/// - Operands: `parameter`, `shift` float, of one shape: what `qat.LearnRange` gives.
/// - Results: `scale` of the type of `parameter`; `zero_point` i32; both shaped like `parameter`.
/// - Attributes: `grid`, `scheme`, `method`.
/// - Gradient of `parameter`: that of the scale; for `pact` divided by `grid.max - grid.min`. None of
///   `shift` from here: `qat.FakeQuantize` has it.
public struct ScaleFromLearned: Operation {
  public static let name: OpName = "qat.ScaleFromLearned"
  public static let operands: [OperandSpec] = [.float("parameter"), .float("shift")]
  public static let results: [ResultSpec] = ["scale", "zero_point"]
  public static let attributes: [Attribute<Self>] = [
    .init("grid", \.grid), .init("scheme", \.scheme), .init("method", \.method),
  ]

  /// The codes.
  public var grid = IntegerGrid.int8
  /// Where zero lies on the grid.
  public var scheme = QuantizationScheme.symmetric
  /// What is learned, and how.
  public var method = LearnedMethod.lsq

  public init() {}
  /// With the settings of a quantizer.
  public init(_ quantizer: LearnedQuantizer) {
    (grid, scheme, method) = (quantizer.grid, quantizer.scheme, quantizer.method)
  }

  /// How parameters become a scale and a zero point.
  public var quantizer: LearnedQuantizer {
    LearnedQuantizer(method, grid: grid, scheme: scheme)
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkSameShapes(operands, [0, 1])
    return [operands[0], TensorType(.i32, operands[0].shape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    [operands.optional(0)?.element ?? .f32, .i32]
  }
}

extension ScaleFromLearned: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    guard call.needs(0), let scale = call.seeds[0] else { return [nil, nil] }
    guard method == .pact else { return [scale, nil] }
    let steps = builder.scalar(Double(quantizer.steps), like: scale)
    return [builder.emit(Div(), [scale, steps]), nil]
  }
}
