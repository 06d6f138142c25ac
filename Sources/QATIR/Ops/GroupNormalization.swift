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

extension GroupNormalization: Expandable {
  /// `InstanceNormalization` of rows of one group each, as PyTorch writes it.
  public func expansion(
    of operands: [ValueID?], in builder: inout GraphBuilder
  ) throws(Diagnostic) -> ValueID {
    let x = builder.required(operands, 0)
    guard let rank = builder.type(of: x).shape?.rank else {
      throw Diagnostic(
        .unsupported, "the rank of x is unknown", hint: "declare the shapes of the graph's inputs")
    }
    let element = builder.type(of: x).element
    func perGroup(_ number: Double) -> AnyTensor {
      AnyTensor(element, shape: [groups], rounding: Array(repeating: number, count: groups))
    }
    let rows = builder.emit(Reshape(), [x, builder.integers([0, groups, -1])])
    let one = builder.constant(perGroup(1), name: "ones")
    let zero = builder.constant(perGroup(0), name: "zeros")
    let normal = builder.emit(InstanceNormalization(epsilon: epsilon), [rows, one, zero])
    let back = builder.emit(Reshape(), [normal, builder.emit(ShapeOp(), [x])])
    let perChannel = [-1] + Array(repeating: 1, count: rank - 2)
    let factors = builder.emit(
      Reshape(), [builder.required(operands, 1), builder.integers(perChannel)])
    let terms = builder.emit(
      Reshape(), [builder.required(operands, 2), builder.integers(perChannel)])
    return builder.add(builder.multiply(back, factors), terms)
  }
}
