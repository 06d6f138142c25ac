import QATCore
import QATIR
import QATKernels

/// What an observer remembers: its range, the batches it saw, and a histogram where its kind has one.
///
/// Its size does not depend on how many batches were seen.
public struct ObserverState: Sendable, Equatable {
  /// The range, for each channel; zeros before the first batch.
  public internal(set) var low: [Float], high: [Float]
  /// Batches offered, also those that were skipped.
  public internal(set) var batches = 0
  /// One for each channel, or none.
  public internal(set) var histograms: [Histogram]

  /// The state of an observer that saw nothing.
  /// - Parameter binCount: of each histogram; `nil` for none.
  public init(channels: Int = 1, binCount: Int? = nil) {
    low = Array(repeating: 0, count: channels)
    high = low
    histograms = binCount.map { Array(repeating: Histogram(binCount: $0), count: channels) } ?? []
  }

  /// A range that is known, without the values behind it: its histograms are empty.
  public init(
    range: ClosedRange<Float>, batches: Int, channels: Int = 1, binCount: Int? = nil
  ) {
    self.init(channels: channels, binCount: binCount)
    low = Array(repeating: range.lowerBound, count: channels)
    high = Array(repeating: range.upperBound, count: channels)
    self.batches = batches
  }

  /// The state behind a batch that was not looked at.
  var skipped: ObserverState {
    var next = self
    next.batches += 1
    return next
  }

  /// Bytes of the numbers in it.
  public var byteCount: Int {
    8 * low.count + 8 + histograms.reduce(0) { $0 + 8 * $1.counts.count + 12 }
  }
}

/// The arithmetic of observers: what `qat.Observe` computes, and what `Observer` values compute.
extension Observe {
  /// The state behind one more batch.
  /// - Throws: `invalid-data` for NaN and infinity; `unsupported` for an element type that is no float;
  ///   `shape-mismatch` for another number of channels.
  public func next(
    _ state: ObserverState, observing tensor: AnyTensor
  ) throws(Diagnostic) -> ObserverState {
    if skips(state) { return state.skipped }
    return try next(state, layout(of: tensor.shape), TensorView(try tensor.inFloat32()))
  }

  private func skips(_ state: ObserverState) -> Bool {
    state.batches % every != 0 || (limit != 0 && state.batches >= limit)
  }

  /// The same of floats that lie in memory.
  func next(
    _ state: ObserverState, _ layout: CodeLayout, _ x: TensorView, _ pool: ThreadPool = .single
  ) throws(Diagnostic) -> ObserverState {
    var next = state.skipped
    if skips(state) { return next }
    guard layout.channels == state.low.count else {
      throw Diagnostic(
        .shapeMismatch, "\(layout.channels) channels, \(state.low.count) in batches before")
    }
    let (low, high) = try finiteRanges(layout, x, pool)
    switch kind {
    case .minMax:
      next.low = state.batches == 0 ? low : zip(state.low, low).map(min)
      next.high = state.batches == 0 ? high : zip(state.high, high).map(max)
    case .movingAverage:
      next.low = moved(state.low, low, state.batches)
      next.high = moved(state.high, high, state.batches)
    case .percentile, .histogram, .entropy:
      let keeps = !state.histograms.isEmpty
      for channel in 0..<layout.channels {
        var histogram = keeps ? state.histograms[channel] : Histogram()
        histogram.add(layout, x, channel: channel, low: low[channel], high: high[channel])
        if keeps { next.histograms[channel] = histogram }
        if !keeps || !deferred {
          let range = self.range(of: histogram)
          (next.low[channel], next.high[channel]) = (range.lowerBound, range.upperBound)
        }
      }
    }
    return next
  }

  private func moved(_ old: [Float], _ batch: [Float], _ batches: Int) -> [Float] {
    zip(old, batch).map { old, batch in
      var average = MovingAverage(momentum: momentum, value: batches == 0 ? nil : old)
      return average.update(batch)
    }
  }

  /// The state with the range that its histogram gives; as it was where it has none, or saw nothing.
  public func settled(_ state: ObserverState) -> ObserverState {
    var result = state
    for (channel, histogram) in state.histograms.enumerated() where histogram.width > 0 {
      let range = self.range(of: histogram)
      (result.low[channel], result.high[channel]) = (range.lowerBound, range.upperBound)
    }
    return result
  }

  private func range(of histogram: Histogram) -> ClosedRange<Float> {
    switch kind {
    // The decimal share that was written, not the float nearest to it.
    case .percentile: histogram.percentileRange(Double(percentile.description) ?? 100)
    case .histogram: SquaredErrorSearch(parameters: parameters).range(histogram)
    case .entropy: EntropySearch(parameters: parameters).range(histogram)
    case .minMax, .movingAverage: histogram.low...histogram.high
    }
  }

  func layout(of shape: [Int]) throws(Diagnostic) -> CodeLayout {
    if let axis { _ = try checkedAxis(axis, rank: shape.count) }
    return CodeLayout(shape: shape, axis: axis)
  }
}

extension AnyTensor {
  /// A float tensor as float32: ranges are float32 whatever is observed.
  func inFloat32() throws(Diagnostic) -> AnyTensor {
    if element == .f32 { return self }
    guard element == .f64, let elements = elements(as: Double.self) else {
      throw Diagnostic(
        .unsupported, "unsupported element type \(element.name)", hint: "insert a Cast to f32")
    }
    return AnyTensor(shape: shape, elements.map { Float($0) })
  }
}
