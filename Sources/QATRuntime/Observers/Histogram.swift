import QATCore
import QATKernels

/// How often values were seen, in a fixed number of bins whose width grows with the values.
///
/// With n bins (a power of two) of width w, bin i counts the values in
/// `[(i - n/2) · w, (i + 1 - n/2) · w)`. The width is a power of two and zero is a border, so that
/// growing loses nothing but resolution: twice the width makes one bin of each two neighbours, and
/// their sum is what the wider bin would have counted. The width is the smallest power of two with
/// `max |x| < w · n/2`. So a histogram depends on which values were seen, and on nothing else: not on
/// how they came in batches, nor in which order, nor on the number of threads.
///
/// With the 4096 bins that observers use, a bin is between 1/2048 and 1/1024 of the largest magnitude.
public struct Histogram: Sendable, Equatable {
  /// 2048 bins on each side of zero; 32 KiB.
  public static let standardBinCount = 4096
  /// 2⁻¹⁰⁰: what is smaller than that is in the two bins beside zero.
  static let smallestWidth = Float(sign: .plus, exponent: -100, significand: 1)

  /// One a bin.
  public private(set) var counts: [Int64]
  /// The smallest value seen; 0 where none was.
  public private(set) var low: Float
  /// The largest value seen; 0 where none was.
  public private(set) var high: Float
  /// Of a bin; 0 where no value was seen.
  public private(set) var width: Float

  /// - Precondition: the number of bins is a power of two, at least 2.
  public init(binCount: Int = Histogram.standardBinCount) {
    self.init(counts: Array(repeating: 0, count: binCount), low: 0, high: 0, width: 0)
  }

  /// One that was kept.
  init(counts: [Int64], low: Float, high: Float, width: Float) {
    precondition(
      counts.count >= 2 && counts.count & (counts.count - 1) == 0, "a power of two of bins")
    self.counts = counts
    self.low = low
    self.high = high
    self.width = width
  }

  /// Values counted.
  public var total: Int64 { counts.reduce(0, +) }
  /// The bin that begins at zero.
  var half: Int { counts.count / 2 }

  /// The middle of a bin.
  func center(_ bin: Int) -> Double { (Double(bin - half) + 0.5) * Double(width) }

  // MARK: - Counting

  /// Counts the elements of a tensor. O(elements).
  /// - Throws: `invalid-data` for NaN and infinity; nothing is counted then.
  public mutating func add(_ tensor: Tensor<Float>) throws(Diagnostic) {
    let x = TensorView(AnyTensor(tensor)), layout = CodeLayout(shape: tensor.shape, axis: nil)
    let (low, high) = try finiteRanges(layout, x)
    add(layout, x, channel: 0, low: low[0], high: high[0])
  }

  /// Counts the elements of one channel, whose smallest and largest are known.
  mutating func add(
    _ layout: CodeLayout, _ x: TensorView, channel: Int, low batchLow: Float, high batchHigh: Float
  ) {
    if layout.count == 0 { return }
    let isFirst = width == 0
    low = isFirst ? batchLow : min(low, batchLow)
    high = isFirst ? batchHigh : max(high, batchHigh)
    widen(toHold: max(abs(batchLow), abs(batchHigh)))
    ObserverKernels.count(layout, x, channel: channel, width: width, into: &counts)
  }

  private mutating func widen(toHold magnitude: Float) {
    // Exact: `half` is a power of two.
    let least = magnitude / Float(half)
    var needed = Self.smallestWidth
    if least >= needed { needed = Float(sign: .plus, exponent: least.exponent + 1, significand: 1) }
    guard needed > width else { return }
    if width > 0 {
      let shift = min(Int(needed.exponent - width.exponent), 62)
      var merged = [Int64](repeating: 0, count: counts.count)
      for (bin, count) in counts.enumerated() where count > 0 {
        merged[(bin - half) >> shift + half] += count
      }
      counts = merged
    }
    width = needed
  }

  // MARK: - Quantiles

  /// The range that is left when the outermost values are dropped: `floor(N · (100 - share)/200)` of N
  /// at each end.
  ///
  /// It holds the exact range of what is left and is wider by at most one bin at each end; it never
  /// reaches beyond the values seen. Few values are all kept: 99.99 % drops nothing below 20,000.
  /// - Parameter share: in percent, above 50, up to 100.
  public func percentileRange(_ share: Double) -> ClosedRange<Float> {
    // The factor makes up for shares like 99.9, which are no binary fractions.
    let dropped = Int64(Double(total) * (100 - share) / 200 * (1 + 1e-9))
    guard let first = bin(behind: dropped, in: counts.indices),
      let last = bin(behind: dropped, in: counts.indices.reversed())
    else { return low...high }
    let lower = Float(first - half) * width, upper = Float(last + 1 - half) * width
    return max(low, lower)...min(high, upper)
  }

  /// The bin of the first value behind as many others.
  private func bin(behind dropped: Int64, in order: some Sequence<Int>) -> Int? {
    var seen: Int64 = 0
    return order.first { bin in
      seen += counts[bin]
      return seen > dropped
    }
  }
}

/// The range of each channel.
/// - Throws: `invalid-data` for NaN and infinity.
func finiteRanges(
  _ layout: CodeLayout, _ x: TensorView, _ pool: ThreadPool = .single
) throws(Diagnostic) -> (low: [Float], high: [Float]) {
  let (low, high) = ObserverKernels.ranges(layout, x, pool)
  guard (low + high).allSatisfy(\.isFinite) else {
    throw Diagnostic(
      .invalidData, "the observed tensor holds NaN or infinity",
      hint: "check the data, or lower the learning rate")
  }
  return (low, high)
}
