import QATCore

/// Normalizes every channel (axis 1) and maps it linearly.
///
///     y = (x - mean) / √(variance + epsilon) · scale + bias
///
/// In inference mean and variance are the operands; in training mode those of the batch (the
/// variance over N, not N - 1), and the running statistics move toward them:
/// `running = operand · momentum + batch · (1 - momentum)`.
///
/// - Operands: `x` float[N,C,…]; `scale`, `bias`, `mean`, `variance` float[C].
/// - Results: `y`; in training mode `running_mean`, `running_var` float[C].
/// - Source: Ioffe, Szegedy, arXiv:1502.03167.
public struct BatchNormalization: Operation {
  public static let name: OpName = "BatchNormalization"
  public static let operands: [OperandSpec] = [
    .float("x"), OperandSpec("scale", .floats, as: "T1"), OperandSpec("bias", .floats, as: "T1"),
    OperandSpec("mean", .floats, as: "T2"), OperandSpec("variance", .floats, as: "T2"),
  ]
  public static let results: [ResultSpec] = [
    "y", ResultSpec("running_mean", .optional), ResultSpec("running_var", .optional),
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("epsilon", \.epsilon), .init("momentum", \.momentum),
    .init("training_mode", \.trainingMode),
  ]
  /// Added to the variance, so that its root is never 0.
  public var epsilon: Float = 1e-5
  /// The share of the old running statistics that stays.
  public var momentum: Float = 0.9
  /// Whether the batch's statistics are used, and moved.
  public var trainingMode = false

  public init() {}
  public init(epsilon: Float, momentum: Float = 0.9, trainingMode: Bool = false) {
    self.epsilon = epsilon
    self.momentum = momentum
    self.trainingMode = trainingMode
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape
    guard x.rank >= 2 else {
      throw Diagnostic(.shapeMismatch, "x has shape \(x), expected [N,C,…]")
    }
    for index in 1...4 { try checkVector(operands, index, size: x[1], of: Self.operands) }
    if !trainingMode, operands.resultCount > 1 {
      throw Diagnostic(
        .invalidGraph, "the running statistics are results in training mode only",
        hint: "set training_mode = 1")
    }
    return [operands[0], operands[3], operands[4]]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    [operands[0].element, operands[3].element, operands[4].element]
  }
}

extension BatchNormalization: Differentiable {
  /// Of `x`, `scale` and `bias`; the statistics that come in are no functions of the parameters.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    guard let seed = call.seeds[0] else { return [nil, nil, nil, nil, nil] }
    let operands = [seed, call.operand(0), call.operand(1)]
    let gradients =
      trainingMode
      ? builder.emit(BatchNormalizationGradient(epsilon: epsilon), operands, results: 3)
      : builder.emit(
        BatchNormalizationInferenceGradient(epsilon: epsilon),
        operands + [call.operand(3), call.operand(4)], results: 3)
    return gradients + [nil, nil]
  }
}
