import QATCore

/// How an observer's range follows the batches.
public enum ObserverKind: String, Sendable, Hashable, CaseIterable, AttributeConvertible {
  /// The widest range of all batches.
  case minMax = "min-max"
  /// `old + momentum * (batch - old)`.
  case movingAverage = "moving-average"

  public init?(_ value: AttributeValue) {
    guard case .string(let name) = value else { return nil }
    self.init(rawValue: name)
  }
  public var attributeValue: AttributeValue? { .string(rawValue) }
}

/// Moves an observed range by one batch.
///
/// The first batch sets the range. Later ones move it as `kind` says, where `count` is a multiple
/// of `every` and below `limit` (0: no limit).
///
/// - Operands: `x` float[...], one batch; `min`, `max` of the type of `x`, [] or [C]: the range so
///   far; `count` i64[]: batches seen so far.
/// - Results: the new `min`, `max` and `count` (one more).
/// - Attributes: `kind`: `min-max` or `moving-average`; `momentum`; `every`; `limit`; `axis`, the
///   channel axis (absent: one range); `training`: false leaves the state as it is.
/// - Errors: `invalid-data` where an observed batch holds NaN or infinity.
public struct Observe: Operation {
  public static let name: OpName = "qat.Observe"
  public static let operands: [OperandSpec] = [
    .float("x"), .float("min"), .float("max"), .i64("count"),
  ]
  public static let results: [ResultSpec] = ["min", "max", "count"]
  public static let attributes: [Attribute<Self>] = [
    .init("kind", \.kind), .init("momentum", \.momentum), .init("every", \.every),
    .init("limit", \.limit), .init("axis", \.axis), .init("training", \.training),
  ]

  public var kind = ObserverKind.movingAverage
  /// The weight of a new batch, 0…1.
  public var momentum: Float = 0.01
  public var every = 1
  /// Batches after which the range stays; 0 for never.
  public var limit = 0
  public var axis: Int? = nil
  public var training = true

  public init() {}
  public init(
    _ kind: ObserverKind, momentum: Float = 0.01, every: Int = 1, limit: Int = 0, axis: Int? = nil
  ) {
    self.kind = kind
    self.momentum = momentum
    self.every = every
    self.limit = limit
    self.axis = axis
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    guard every >= 1, limit >= 0, (0...1).contains(momentum) else {
      throw Diagnostic(
        .invalidAttribute, "every \(every), limit \(limit), momentum \(momentum)",
        hint: "every is at least 1, limit at least 0, momentum between 0 and 1")
    }
    try checkParameters(operands, Self.operands, 1, 2, of: operands[0].knownShape, axis: axis)
    guard operands[3].knownShape.rank == 0 else {
      throw Diagnostic(.shapeMismatch, "count has shape \(operands[3].knownShape), expected []")
    }
    return [operands[1], operands[2], operands[3]]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    let element = operands.optional(0)?.element ?? .f32
    return [element, element, .i64]
  }
}
