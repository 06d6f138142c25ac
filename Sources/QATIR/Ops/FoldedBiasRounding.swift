import QATCore

/// What rounding to int32 will move the bias of a product by, once a batch-norm is folded into it.
///
///     k = scale / sqrt(variance + epsilon);  b = (c - mean) * k + bias;  s = x_scale * (w_scale * |k|)
///     delta = round(b / s) * s - b
///
/// Added to the batch-norm's bias it makes training see that rounding. Where k is 0, `s` is the
/// largest one of the tensor, as it is when lowered.
///
/// - Operands: the batch-norm's `scale`, `bias`, `mean`, `variance` f32[C]; `x_scale` f32[];
///   `w_scale` f32[C]; the product's own bias `c` f32[C], optional.
/// - Result: f32[C]. - Attributes: the batch-norm's `epsilon`; `bypass`. - Gradient: none.
public struct FoldedBiasRounding: Operation, StopsGradient {
  public static let name: OpName = "qat.FoldedBiasRounding"
  public static let operands: [OperandSpec] = [
    .float("scale"), .float("bias"), .float("mean"), .float("variance"), .float("x_scale"),
    .float("w_scale"), .float("c", .optional),
  ]
  public static let results: [ResultSpec] = ["delta"]
  public static let attributes: [Attribute<Self>] = [
    .init("epsilon", \.epsilon), .init("bypass", \.bypass),
  ]

  /// Added to the variance, so that its root is never 0.
  public var epsilon: Float = 1e-5
  /// True: `delta` is 0 (quantizers do not round yet).
  public var bypass = false

  public init() {}
  public init(epsilon: Float) { self.epsilon = epsilon }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    for index in [1, 2, 3, 5, 6]
    where operands.isPresent(index) && operands[index].shape != operands[0].shape {
      throw Diagnostic(
        .shapeMismatch,
        "\(Self.operands[index].name) is \(operands[index]), expected \(operands[0])")
    }
    return [operands[0]]
  }
}

/// An operation that no gradient passes through: what it computes counts as a constant.
public protocol StopsGradient: Operation {}

extension Observe: StopsGradient {}
extension MinMax: StopsGradient {}
extension ScaleFromRange: StopsGradient {}
