/// Normalizes every channel of every entry of a batch by itself.
///
///     y[n, c, …] = (x[n, c, …] - mean[n, c]) / √(variance[n, c] + epsilon) · scale[c] + bias[c]
///
/// - Operands: `x` float[N,C,…]; `scale`, `bias` float[C].
/// - Source: Ulyanov, Vedaldi, Lempitsky, arXiv:1607.08022.
public struct InstanceNormalization: GroupNormalizing {
  public static let name: OpName = "InstanceNormalization"
  public static let attributes: [Attribute<Self>] = [.init("epsilon", \.epsilon)]
  public var epsilon: Float = 1e-5
  public var groupCount: Int? { nil }

  public init() {}
  public init(epsilon: Float) { self.epsilon = epsilon }
}
