import QATCore

/// Local response normalization: each element over the squares of its neighbours in other channels.
///
///     y[n, c, i] = x[n, c, i] / (bias + alpha / size * sum over c' of x[n, c', i]^2)^beta
///     c - floor((size - 1) / 2) <= c' <= c + ceil((size - 1) / 2)
///
/// - Operand: `x` float[N, C, spatial...].
/// - Result: the type of `x`.
/// - Attributes: `size`, required in files; `alpha`, `beta`, `bias`.
/// - Source: Krizhevsky et al., "ImageNet classification with deep convolutional neural networks",
///   3.3.
public struct LRN: Operation {
  public static let name: OpName = "LRN"
  public static let operands: [OperandSpec] = [.float("x")]
  public static let attributes: [Attribute<Self>] = [
    .init("alpha", \.alpha), .init("beta", \.beta), .init("bias", \.bias), .init("size", \.size),
  ]

  /// The factor of the mean of squares.
  public var alpha: Float = 0.0001
  /// The exponent.
  public var beta: Float = 0.75
  /// What is added to the squares.
  public var bias: Float = 1
  /// How many channels count; required.
  public var size: Int? = nil

  public init() {}
  public init(size: Int, alpha: Float = 0.0001, beta: Float = 0.75, bias: Float = 1) {
    self.size = size
    self.alpha = alpha
    self.beta = beta
    self.bias = bias
  }

  /// Which of the channels count for one of them.
  public func channels(around channel: Int, of count: Int) -> ClosedRange<Int> {
    let reach = (size ?? 1) - 1
    return max(0, channel - reach / 2)...min(count - 1, channel + (reach + 1) / 2)
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    guard let size, (1...1 << 30).contains(size) else {
      throw Diagnostic(
        .invalidAttribute, size.map { "size \($0) is out of range" } ?? "'size' is missing")
    }
    guard operands[0].knownShape.rank >= 2 else {
      throw Diagnostic(
        .shapeMismatch, "x has shape \(operands[0].knownShape), expected a batch and channels")
    }
    return [operands[0]]
  }
}

extension LRN: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(LRNGradient(self), [call.seed, call.operand(0)])]
  }
}
