import QATCore

/// How an observer's range follows the batches.
public enum ObserverKind: String, Sendable, Hashable, CaseIterable, AttributeConvertible {
  /// The widest range of all batches.
  case minMax = "min-max"
  /// `old + momentum * (batch - old)`.
  case movingAverage = "moving-average"
  /// The range without the outermost values at both ends.
  case percentile
  /// The range with the least squared error, over a histogram.
  case histogram
  /// The range whose codes lose the least information, over a histogram.
  case entropy

  /// Whether the range is read off a histogram.
  public var usesHistogram: Bool { self != .minMax && self != .movingAverage }
}

/// Moves an observed range by one batch.
///
/// The first batch sets the range. Later ones move it as `kind` says, where `count` is a multiple
/// of `every` and below `limit` (0: no limit).
///
/// The kinds `percentile`, `histogram` and `entropy` count all batches in one histogram, whose size
/// stays the same; without that operand each batch is judged by itself, as weights are.
///
/// - Operands: `x` float[...], one batch; `min`, `max` of the type of `x`, [] or [C]: the range so
///   far; `count` i64[]: batches seen so far; optionally `bins` i64[B] or [C,B], B a power of two: the
///   histogram, and `extent` of the type of `x`, [3] or [C,3]: the smallest and the largest value in
///   it, and the width of a bin (see `Histogram`).
/// - Results: the new `min`, `max`, `count` (one more), `bins` and `extent`.
/// - Attributes: `kind`; `momentum` of the moving average; `percentile`: the share of values inside;
///   `grid`, `scheme`, `power_of_two`, as in `ScaleFromRange`: what the histogram's error and the
///   entropy are about; `every`; `limit`; `axis`, the channel axis (absent: one range); `training`:
///   false leaves the state as it is; `deferred`: the histogram is filled, the range waits.
/// - Errors: `invalid-data` where an observed batch holds NaN or infinity.
public struct Observe: Operation {
  public static let name: OpName = "qat.Observe"
  public static let operands: [OperandSpec] = [
    .float("x"), .float("min"), .float("max"), .i64("count"), .i64("bins", .optional),
    .float("extent", .optional),
  ]
  public static let results: [ResultSpec] = [
    "min", "max", "count", ResultSpec("bins", .optional), ResultSpec("extent", .optional),
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("kind", \.kind), .init("momentum", \.momentum), .init("percentile", \.percentile),
    .init("grid", \.grid), .init("scheme", \.scheme), .init("power_of_two", \.powerOfTwo),
    .init("every", \.every), .init("limit", \.limit), .init("axis", \.axis),
    .init("training", \.training), .init("deferred", \.deferred),
  ]

  /// How the range follows the batches.
  public var kind = ObserverKind.movingAverage
  /// The weight of a new batch, 0…1.
  public var momentum: Float = 0.01
  /// The share of values inside the range, in percent: above 50, up to 100.
  public var percentile: Float = 99.99
  /// The codes.
  public var grid = IntegerGrid.int8
  /// Where zero lies on the grid.
  public var scheme = QuantizationScheme.symmetric
  /// Whether scales are rounded up to powers of two.
  public var powerOfTwo = false
  /// Looks at every n-th batch.
  public var every = 1
  /// Batches after which the range stays; 0 for never.
  public var limit = 0
  /// The channel axis; one range where absent.
  public var axis: Int? = nil
  public var training = true
  /// Fills the histogram and leaves `min` and `max`: for callers who want the range of the last batch
  /// alone, because finding it takes its time.
  public var deferred = false

  public init() {}
  /// An observer of a kind.
  public init(
    _ kind: ObserverKind, momentum: Float = 0.01, every: Int = 1, limit: Int = 0, axis: Int? = nil
  ) {
    self.kind = kind
    self.momentum = momentum
    self.every = every
    self.limit = limit
    self.axis = axis
  }

  /// How a range becomes a scale: what `histogram` and `entropy` look for the best range for.
  public var parameters: RangeToParameters {
    get { RangeToParameters(grid: grid, scheme: scheme, powerOfTwo: powerOfTwo) }
    set {
      grid = newValue.grid
      scheme = newValue.scheme
      powerOfTwo = newValue.powerOfTwo
    }
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkAttributes()
    let x = operands[0].knownShape
    try checkParameters(operands, Self.operands, 1, 2, of: x, axis: axis)
    guard operands[3].knownShape.rank == 0 else {
      throw Diagnostic(.shapeMismatch, "count has shape \(operands[3].knownShape), expected []")
    }
    let state = [operands[1], operands[2], operands[3]]
    guard let bins = operands.optional(4), let extent = operands.optional(5) else {
      guard operands.optional(4) == nil, operands.optional(5) == nil, operands.resultCount <= 3
      else {
        throw Diagnostic(
          .invalidOperand, "bins and extent go together, and so do their results",
          hint: "give both or none")
      }
      return state
    }
    guard kind.usesHistogram else {
      throw Diagnostic(.invalidOperand, "\(kind.rawValue) keeps no histogram", hint: "leave it out")
    }
    let channels = try parameterShape(of: x, axis: axis).dimensions
    guard let count = bins.knownShape.dimensions.last?.size, count >= 2, count < 1 << 24,
      count & (count - 1) == 0,
      bins.knownShape == Shape(channels + [Dimension(count)]),
      extent.knownShape == Shape(channels + [3])
    else {
      throw Diagnostic(
        .shapeMismatch,
        "bins has shape \(bins.knownShape), extent \(extent.knownShape), expected "
          + "\(Shape(channels + [4096])) and \(Shape(channels + [3]))",
        hint: "the number of bins is a power of two")
    }
    return state + [bins, extent]
  }

  private func checkAttributes() throws(Diagnostic) {
    guard every >= 1, limit >= 0, (0...1).contains(momentum) else {
      throw Diagnostic(
        .invalidAttribute, "every \(every), limit \(limit), momentum \(momentum)",
        hint: "every is at least 1, limit at least 0, momentum between 0 and 1")
    }
    guard percentile > 50, percentile <= 100 else {
      throw Diagnostic(
        .invalidAttribute, "percentile \(percentile)", hint: "it is above 50 and up to 100")
    }
    guard kind != .entropy || grid.bits <= 8 else {
      throw Diagnostic(
        .invalidAttribute, "entropy over the \(grid.bits)-bit grid \(grid)",
        hint: "entropy is for 8 bits and fewer; min-max loses nothing at 16")
    }
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    let element = operands.optional(0)?.element ?? .f32
    return [element, element, .i64, .i64, element]
  }
}

extension Graph {
  /// The variables that hold an observer's state, each with the result that is its new contents.
  public func observerState(of node: NodeID) -> [(variable: ValueID, result: ValueID)] {
    guard self[node].op is any ObservesBatches else { return [] }
    return zip(self[node].operands.dropFirst(), self[node].results).compactMap { operand, result in
      guard let operand, let result, self[operand].variable != nil else { return nil }
      return (operand, result)
    }
  }
}
