import QATCore

/// Finds the range that quantizes the values of a histogram with the least squared error.
///
/// Candidates are shares of the range seen. Of symmetric grids, and where all values have one sign:
/// k/256 of it, k = 1…256. Else i/64 of what is below zero with j/64 of what is above, each pair. The
/// error of a candidate is `Σ count · (c - fakeQuantize(c))²` over the bins, c a bin's middle, with the
/// scale and zero point that the range gets when it is deployed. All candidates are tried; of equal
/// ones the wider wins. A grid of 16 bits takes the whole range: its steps are finer than the bins.
struct SquaredErrorSearch {
  let parameters: RangeToParameters

  func range(_ histogram: Histogram) -> ClosedRange<Float> {
    let low = histogram.low, high = histogram.high
    guard parameters.grid.bits <= 8, low != 0 || high != 0 else { return low...high }
    let sums = BinSums(histogram)
    var best = low...high, least = Double.infinity
    for candidate in Self.candidates(low...high, parameters.scheme) {
      let error = sums.error(parameters(min: candidate.lowerBound, max: candidate.upperBound))
      if error < least { (best, least) = (candidate, error) }
    }
    return best
  }

  /// The widest first.
  static func candidates(
    _ whole: ClosedRange<Float>, _ scheme: QuantizationScheme
  ) -> [ClosedRange<Float>] {
    let low = whole.lowerBound, high = whole.upperBound
    if scheme == .symmetric {
      let magnitude = max(abs(low), abs(high))
      return shares(256).map { share in
        let clip = magnitude * share
        return clipped(whole, within: clip)
      }
    }
    if low >= 0 { return shares(256).map { min(low, high * $0)...high * $0 } }
    if high <= 0 { return shares(256).map { low * $0...max(high, low * $0) } }
    return shares(64).flatMap { below in shares(64).map { above in low * below...high * above } }
  }

  private static func shares(_ count: Int) -> [Float] {
    (1...count).reversed().map { Float($0) / Float(count) }
  }
}

/// A range without what is further from zero than `clip`.
func clipped(_ whole: ClosedRange<Float>, within clip: Float) -> ClosedRange<Float> {
  func inside(_ end: Float) -> Float { max(-clip, min(clip, end)) }
  return inside(whole.lowerBound)...inside(whole.upperBound)
}

/// Sums over the bins in front of each bin: of counts, of middles, and of squares of middles.
private struct BinSums {
  private let histogram: Histogram
  private var counts: [Double] = [0], values: [Double] = [0], squares: [Double] = [0]

  init(_ histogram: Histogram) {
    self.histogram = histogram
    var count = 0.0, value = 0.0, square = 0.0
    for (bin, seen) in histogram.counts.enumerated() {
      let center = histogram.center(bin), seen = Double(seen)
      count += seen
      value += seen * center
      square += seen * center * center
      counts.append(count)
      values.append(value)
      squares.append(square)
    }
  }

  /// The squared error of a quantizer. O(codes).
  func error(_ quantizer: AffineGrid) -> Double {
    let scale = Double(quantizer.scale), width = Double(histogram.width)
    let grid = quantizer.grid, last = histogram.counts.count
    var start = 0, error = 0.0
    for code in grid.min...grid.max {
      let step = Double(code - quantizer.zeroPoint)
      // The first bin whose middle rounds to a higher code.
      let border = ((step + 0.5) * scale / width - 0.5).rounded(.up) + Double(histogram.half)
      let end = code == grid.max ? last : Int(min(max(border, Double(start)), Double(last)))
      let value = step * scale
      error +=
        squares[end] - squares[start] - 2 * value * (values[end] - values[start])
        + value * value * (counts[end] - counts[start])
      start = end
    }
    return error
  }
}
