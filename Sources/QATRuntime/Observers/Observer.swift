import QATCore
import QATIR
import QATKernels

/// Finds out between which numbers the values of a tensor lie, batch by batch.
///
///     var observer = PercentileObserver(99.9)
///     for batch in batches { try observer.observe(batch) }
///     let scale = observer.parameters(RangeToParameters(grid: .int8, scheme: .symmetric))[0].scale
///
/// A type of yours conforms with four members; `Calibrator` takes it like the five that are here.
public protocol Observer: Sendable {
  /// Takes a batch in.
  /// - Throws: `invalid-data` for NaN and infinity.
  mutating func observe(_ tensor: AnyTensor) throws(Diagnostic)
  /// The range so far: one, or one for each channel; none before the first batch.
  var ranges: [ClosedRange<Float>] { get }
  /// Batches that were offered, also those that were skipped.
  var batches: Int { get }
  /// Forgets everything seen.
  mutating func reset()
}

extension Observer {
  /// Takes a batch in.
  public mutating func observe(_ tensor: Tensor<Float>) throws(Diagnostic) {
    try observe(AnyTensor(tensor))
  }

  /// Scale and zero point of each range; an empty range takes the size of the largest.
  public func parameters(_ rule: RangeToParameters) -> [AffineGrid] {
    let ranges = ranges
    let largest = ranges.map { max(abs($0.lowerBound), abs($0.upperBound)) }.max() ?? 0
    return ranges.map { rule(min: $0.lowerBound, max: $0.upperBound, tensorMaximum: largest) }
  }
}

/// An observer that does what a `qat.Observe` of a graph does, by the same code.
public protocol OperationObserver: Observer {
  /// Kind and settings.
  var operation: Observe { get }
  /// `nil` before the first batch.
  var state: ObserverState? { get set }
}

extension OperationObserver {
  public mutating func observe(_ tensor: AnyTensor) throws(Diagnostic) {
    var operation = operation
    // The range is found when it is asked for.
    operation.deferred = true
    let channels = try operation.layout(of: tensor.shape).channels
    let old =
      state
      ?? ObserverState(
        channels: channels,
        binCount: operation.kind.usesHistogram ? Histogram.standardBinCount : nil)
    state = try operation.next(old, observing: tensor)
  }

  public var ranges: [ClosedRange<Float>] {
    guard let state else { return [] }
    let settled = operation.settled(state)
    return zip(settled.low, settled.high).map { $0...$1 }
  }

  public var batches: Int { state?.batches ?? 0 }

  public mutating func reset() { state = nil }
}

/// The widest range of all batches.
public struct MinMaxObserver: OperationObserver {
  public let operation: Observe
  public var state: ObserverState?

  /// - Parameters:
  ///   - axis: of the channels; `nil` for one range.
  ///   - every: looks at every n-th batch, from the first.
  public init(axis: Int? = nil, every: Int = 1) {
    operation = Observe(.minMax, every: every, axis: axis)
  }
}

/// A range whose ends are moving averages of those of the batches.
public struct MovingAverageObserver: OperationObserver {
  public let operation: Observe
  public var state: ObserverState?

  /// - Parameter momentum: the weight of a new batch, 0…1.
  public init(momentum: Float = 0.1, axis: Int? = nil, every: Int = 1) {
    operation = Observe(.movingAverage, momentum: momentum, every: every, axis: axis)
  }
}

/// The range without the outermost values at both ends; see `Histogram.percentileRange`.
public struct PercentileObserver: OperationObserver {
  public let operation: Observe
  public var state: ObserverState?

  /// - Parameter share: of the values inside, in percent: above 50, up to 100.
  public init(_ share: Float = 99.99, axis: Int? = nil, every: Int = 1) {
    var operation = Observe(.percentile, every: every, axis: axis)
    operation.percentile = share
    self.operation = operation
  }
}

/// The range with the least squared error on a grid, over a histogram of all batches.
public struct HistogramObserver: OperationObserver {
  public let operation: Observe
  public var state: ObserverState?

  /// - Parameter rule: the grid, and how a range becomes its scale.
  public init(for rule: RangeToParameters, axis: Int? = nil, every: Int = 1) {
    var operation = Observe(.histogram, every: every, axis: axis)
    operation.parameters = rule
    self.operation = operation
  }
}

/// The range whose codes lose the least information (Kullback-Leibler divergence), over a histogram of
/// all batches: for grids of up to 8 bits.
public struct EntropyObserver: OperationObserver {
  public let operation: Observe
  public var state: ObserverState?

  /// - Throws: `invalid-option` for a grid of more than 8 bits.
  public init(for rule: RangeToParameters, axis: Int? = nil, every: Int = 1) throws(Diagnostic) {
    guard rule.grid.bits <= 8 else {
      throw Diagnostic(
        .invalidOption, "entropy over the \(rule.grid.bits)-bit grid \(rule.grid)",
        hint: "entropy is for 8 bits and fewer; use MinMaxObserver")
    }
    var operation = Observe(.entropy, every: every, axis: axis)
    operation.parameters = rule
    self.operation = operation
  }
}
