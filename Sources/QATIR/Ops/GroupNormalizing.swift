import QATCore

/// Normalizes groups of neighbouring channels of each entry of a batch, and maps every channel
/// linearly.
///
///     y[n, c, …] = (x[n, c, …] - mean) / √(variance + epsilon) · scale[c] + bias[c]
///
/// Mean and variance are those of the entry's group that the channel belongs to.
///
/// - Operands: `x` float[N,C,…]; `scale`, `bias` float[C].
/// - Result: the type of `x`.
public protocol GroupNormalizing: Differentiable {
  /// How many groups there are; `nil` where each channel is one.
  var groupCount: Int? { get }
  /// Added to the variance, so that its root is never 0.
  var epsilon: Float { get }
}

extension GroupNormalizing {
  public static var operands: [OperandSpec] { [.float("x"), .float("scale"), .float("bias")] }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape
    guard x.rank >= 2 else {
      throw Diagnostic(.shapeMismatch, "x has shape \(x), expected [N,C,…]")
    }
    for index in [1, 2] { try checkVector(operands, index, size: x[1], of: Self.operands) }
    if let groupCount, let channels = x[1].size, groupCount < 1 || channels % groupCount != 0 {
      throw Diagnostic(
        .invalidAttribute, "\(channels) channels can't be divided into \(groupCount) groups")
    }
    return [operands[0]]
  }

  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0), rank = builder.type(of: call.seed).shape?.rank ?? 2
    // Rows of one group each; scale and bias as [C,1,…].
    let groups = builder.integers([0, groupCount ?? 0, -1])
    let perChannel = builder.integers([-1] + Array(repeating: 1, count: rank - 2))
    let scale = builder.emit(Reshape(), [call.operand(1), perChannel])
    let rows = builder.emit(Reshape(), [x, groups]), one = builder.scalar(1, like: x)
    let seeds = builder.emit(Reshape(), [builder.multiply(call.seed, scale), groups])
    let dx = builder.emit(
      LayerNormalizationGradient(axis: -1, epsilon: epsilon), [seeds, rows, one])
    let normalized = builder.emit(LayerNormalization(axis: -1, epsilon: epsilon), [rows, one])
    let slopes = builder.multiply(call.seed, builder.emit(ReshapeLike(), [normalized, x]))
    return [
      builder.emit(ReshapeLike(), [dx, x]),
      call.needs(1) ? builder.emit(ChannelSum(), [slopes]) : nil,
      call.needs(2) ? builder.emit(ChannelSum(), [call.seed]) : nil,
    ]
  }
}
