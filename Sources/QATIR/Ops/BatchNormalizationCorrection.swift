import QATCore

/// What a batch-norm does in training behind a product whose weight was scaled by its running
/// statistics before it was quantized.
///
/// With σ = √(variance + epsilon) of the running statistics, σ_B of the batch's and k = scale / σ, the
/// product `x` = Conv(…, quantized(w·k)) is k times what the batch-norm would see. The correction is
///
///     y = x · σ/σ_B + bias - scale · μ_B/σ_B
///
/// and, as μ_B = mean(x)/k and σ_B² = var(x)/k² + epsilon, it is computed without a division by
/// `scale`, over all axes but 1:
///
///     v = var(x) + k²·epsilon
///     y = (x - mean(x)) · |scale|/√v + bias
///     running_mean = mean · momentum + (mean(x)/k + c) · (1 - momentum)
///     running_var = variance · momentum + var(x)/k² · (1 - momentum)
///
/// A channel with k = 0 (or a `v` below the least normal float32) shows nothing of what the batch-norm
/// would see: it keeps its running statistics, and y = x + folded_bias.
///
/// - Operands: `x` float[N,C,…], the product without bias; `scale`, `bias`, `mean`, `variance` float[C];
///   `folded_bias` float[C], what the product adds in evaluation; the product's own bias `c` float[C],
///   optional.
/// - Results: `y`, `running_mean`, `running_var`.
/// - Source: Krishnamoorthi, arXiv:1806.08342, section 3.2.2, eq. 22-31; the statistics are those of the
///   quantized product.
public struct BatchNormalizationCorrection: Operation {
  public static let name: OpName = "qat.BatchNormalizationCorrection"
  public static let operands: [OperandSpec] = [
    .float("x"), .float("scale"), .float("bias"), .float("mean"), .float("variance"),
    .float("folded_bias"), .float("c", .optional),
  ]
  public static let results: [ResultSpec] = ["y", "running_mean", "running_var"]
  public static let attributes: [Attribute<Self>] = [
    .init("epsilon", \.epsilon), .init("momentum", \.momentum),
  ]
  /// Added to the variance, so that its root is never 0.
  public var epsilon: Float = 1e-5
  /// The share of the old running statistics that stays.
  public var momentum: Float = 0.9

  public init() {}
  public init(epsilon: Float, momentum: Float = 0.9) {
    self.epsilon = epsilon
    self.momentum = momentum
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape
    guard x.rank >= 2 else {
      throw Diagnostic(.shapeMismatch, "x has shape \(x), expected [N,C,…]")
    }
    for index in 1...6 { try checkVector(operands, index, size: x[1], of: Self.operands) }
    return [operands[0], operands[3], operands[4]]
  }
}

extension BatchNormalizationCorrection: Differentiable {
  /// Of `x`, `scale`, `bias` and `folded_bias`; running statistics are no functions of the parameters.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    var gradients: [ValueID?] = call.operands.map { _ in nil }
    guard let seed = call.seeds[0] else { return gradients }
    let results = builder.emit(
      BatchNormalizationCorrectionGradient(epsilon: epsilon),
      [seed, call.operand(0), call.operand(1), call.operand(4)], results: 4)
    for (operand, result) in zip([0, 1, 2, 5], results) { gradients[operand] = result }
    return gradients
  }
}
