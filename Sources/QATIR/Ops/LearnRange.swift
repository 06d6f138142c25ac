import QATCore

/// The state of a learned quantizer: it follows the first batches, and then is the gradient's.
///
/// While `count` is below `limit` (0: always) each batch moves `parameter` and `shift` towards what
/// `LearnedQuantizer.initial` makes of it, by `max(1 / (count + 1), momentum)` of the distance: the mean
/// of the first batches, then a moving average; `initial` is the new parameter. For `lsq+` the range of
/// a batch is shrunk to one of `LearnedQuantizer.trialShares`, that with the least squared error over at
/// most 65536 elements of a channel. After that the state passes.
///
/// - Operands: `x` float[...], one batch, or a weight; `parameter`, `shift`, `initial` of the type of
///   `x`, shaped like the scale of `qat.FakeQuantize`; `count` i64[]: batches seen so far.
/// - Results: the new state, in the order of the operands.
/// - Attributes: `grid`, `scheme`, `method`: what is learned; `axis`, the channel axis (absent: one
///   range), and `block_size`; `momentum`; `limit`; `training`: false leaves the state as it is. For the optimizer:
///   `rate`, times the learning rate; `weight_decay`; `clip`, the largest norm of the gradient of this
///   quantizer's parameters, 0 for none.
/// - Gradient of `parameter` and `shift`: `dy`, and 0 while the batches are followed; none for a limit of
///   0.
/// - Errors: `invalid-data` where a batch that is followed holds NaN or infinity.
/// - Source: the papers of `LearnedMethod`, which begin with the first batches.
public struct LearnRange: Operation {
  public static let name: OpName = "qat.LearnRange"
  public static let operands: [OperandSpec] = [
    .float("x"), .float("parameter"), .float("shift"), .float("initial"), .i64("count"),
  ]
  public static let results: [ResultSpec] = ["parameter", "shift", "initial", "count"]
  public static let attributes: [Attribute<Self>] = [
    .init("grid", \.grid), .init("scheme", \.scheme), .init("method", \.method),
    .init("axis", \.axis), .init("block_size", \.blockSize), .init("momentum", \.momentum),
    .init("limit", \.limit),
    .init("training", \.training), .init("rate", \.rate), .init("weight_decay", \.weightDecay),
    .init("clip", \.clip),
  ]

  /// The codes.
  public var grid = IntegerGrid.int8
  /// Where zero lies on the grid.
  public var scheme = QuantizationScheme.symmetric
  /// What is learned, and how.
  public var method = LearnedMethod.lsq
  /// The channel axis; one range where absent.
  public var axis: Int? = nil
  /// Neighbours along `axis` that share parameters; 0 for each channel whole.
  public var blockSize = 0
  /// Of the moving average.
  public var momentum: Float = 0.1
  public var limit = 1
  public var training = true
  /// The learning rate of the parameters, as a multiple of that of the weights.
  public var rate: Float = 1
  /// Of the parameters; see the optimizer.
  public var weightDecay: Float = 0
  /// The largest norm of the gradient of this quantizer's parameters; 0 for none.
  public var clip: Float = 0

  public init() {}

  /// How parameters become a scale and a zero point.
  public var quantizer: LearnedQuantizer {
    LearnedQuantizer(method, grid: grid, scheme: scheme)
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    guard limit >= 0, (0...1).contains(momentum), rate >= 0, weightDecay >= 0, clip >= 0 else {
      throw Diagnostic(
        .invalidAttribute,
        "limit \(limit), momentum \(momentum), rate \(rate), weight_decay \(weightDecay), clip \(clip)",
        hint: "momentum is between 0 and 1, the others are at least 0")
    }
    let x = operands[0].knownShape
    try checkParameters(operands, Self.operands, 1, 2, of: x, axis: axis, blockSize: blockSize)
    try checkParameters(operands, Self.operands, 1, 3, of: x, axis: axis, blockSize: blockSize)
    guard operands[4].knownShape.rank == 0 else {
      throw Diagnostic(.shapeMismatch, "count has shape \(operands[4].knownShape), expected []")
    }
    return (1...4).map { operands[$0] }
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    let element = operands.optional(0)?.element ?? .f32
    return [element, element, element, .i64]
  }
}

extension LearnRange: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    var gradients: [ValueID?] = Array(repeating: nil, count: 5)
    if limit == 0 { return gradients }
    for index in [0, 1] {
      guard call.needs(index + 1), let seed = call.seeds[index] else { continue }
      guard training else { gradients[index + 1] = seed; continue }
      let limit = builder.constant(AnyTensor(Int64(limit)), name: "limit")
      let isLearned = builder.emit(GreaterOrEqual(), [call.operand(4), limit])
      gradients[index + 1] = builder.keep(seed, where: isLearned)
    }
    return gradients
  }
}

extension LearnedMethod: AttributeConvertible {}
