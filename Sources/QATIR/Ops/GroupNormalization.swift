import QATCore

/// Normalizes groups of neighbouring channels of each entry of a batch.
///
///     y[n, c, …] = (x[n, c, …] - mean[n, g]) / √(variance[n, g] + epsilon) · scale[c] + bias[c]
///
/// where g is the group of the channel c.
///
/// - Operands: `x` float[N,C,…]; `scale`, `bias` float[C].
/// - Source: Wu, He, arXiv:1803.08494.
public struct GroupNormalization: GroupNormalizing {
  public static let name: OpName = "GroupNormalization"
  public static let attributes: [Attribute<Self>] = [
    .init("epsilon", \.epsilon), .init("num_groups", \.groups), .init("stash_type", \.stashType),
  ]
  public var epsilon: Float = 1e-5
  /// Into how many groups the channels are divided; 0 where the file does not say.
  public var groups = 0
  /// The type in which ONNX normalizes; kept, as statistics are at least as exact here.
  public var stashType = ElementType.f32
  public var groupCount: Int? { groups }

  public init() {}
  public init(groups: Int, epsilon: Float = 1e-5) {
    self.groups = groups
    self.epsilon = epsilon
  }
}
