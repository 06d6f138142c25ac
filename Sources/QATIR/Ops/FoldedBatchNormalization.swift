import QATCore

/// Marks the result of a product into which a batch-norm is folded; in evaluation, the identity.
///
///     k = scale / √(variance + epsilon)
///     x = Conv(…, w·k, (c - mean)·k + bias)
///     y = x
///
/// It keeps what training needs to know of the batch-norm: `enter-training` puts
/// `qat.BatchNormalizationCorrection` in its place.
///
/// - Operands: `x` float[N,C,…]; the batch-norm's `scale`, `bias`, `mean`, `variance` float[C]; the
///   product's own bias `c` float[C], optional; its weight `w` as it was before folding, where the
///   batch's statistics are to come from a second product with it, optional.
/// - Result: the type of `x`. - Attributes: the batch-norm's `epsilon` and `momentum`.
/// - Gradient of `x`: `dy`. Parameters get theirs through the folded weight and bias.
public struct FoldedBatchNormalization: Operation {
  public static let name: OpName = "qat.FoldedBatchNormalization"
  public static let operands: [OperandSpec] = [
    .float("x"), .float("scale"), .float("bias"), .float("mean"), .float("variance"),
    .float("c", .optional), .float("w", .optional),
  ]
  public static let results: [ResultSpec] = ["y"]
  public static let attributes: [Attribute<Self>] = [
    .init("epsilon", \.epsilon), .init("momentum", \.momentum),
  ]
  /// Added to the variance, so that its root is never 0.
  public var epsilon: Float = 1e-5
  /// The share of the old running statistics that stays.
  public var momentum: Float = 0.9

  public init() {}
  public init(epsilon: Float, momentum: Float) {
    self.epsilon = epsilon
    self.momentum = momentum
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape
    guard x.rank >= 2 else {
      throw Diagnostic(.shapeMismatch, "x has shape \(x), expected [N,C,…]")
    }
    for index in 1...5 { try checkVector(operands, index, size: x[1], of: Self.operands) }
    return [operands[0]]
  }
}

extension FoldedBatchNormalization: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [call.seed] + call.operands.dropFirst().map { _ in nil }
  }
}
