import QATCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Finds the range whose codes tell the most about the values of a histogram: the one with the least
/// Kullback-Leibler divergence, as TensorRT calibrates.
///
/// For each number of bins i on both sides of zero, from the one that has as many bins as the grid has
/// codes up to the last with a value in it: P is what lies in those bins, with everything outside
/// moved to the outermost ones; Q spreads the counts inside, without what is outside, as the grid would
/// see them: bin j of n goes to group `floor(j · codes/n)`, and each bin that was not empty gets the
/// mean of those of its group. Both are shares of all values, so that Q lacks what is clipped (where
/// TensorRT makes it whole again, a window around one of few distinct values, as the grey levels of an
/// image are, diverges by nothing). Of `Σ P · log(P/Q)` the least wins, and of equal ones the widest. A
/// symmetric grid has one histogram of magnitudes and the codes from zero up (int8:
/// 128). The bin beside zero takes its neighbour's count first: values of exactly zero, of which a Relu
/// makes many, are exact under any scale. A candidate that moves outside values into an empty bin has
/// an infinite divergence.
///
/// - Source: S. Migacz, "8-bit Inference with TensorRT", GTC 2017.
struct EntropySearch {
  let parameters: RangeToParameters

  func range(_ histogram: Histogram) -> ClosedRange<Float> {
    let half = histogram.half, grid = parameters.grid
    var below = histogram.counts[..<half].reversed().map(Double.init)
    var above = histogram.counts[half...].map(Double.init)
    var codes = grid.max - grid.min + 1
    if half > 1 { (below[0], above[0]) = (below[1], above[1]) }
    if parameters.scheme == .symmetric {
      for bin in above.indices { above[bin] += below[bin] }
      below = []
      codes = grid.max - (grid.isSigned ? 0 : (grid.max + 1) / 2) + 1
    }
    below.removeLast(below.reversed().prefix { $0 == 0 }.count)
    above.removeLast(above.reversed().prefix { $0 == 0 }.count)
    let line = Line(below.reversed() + above)
    var best: (bins: Int, divergence: Double)?
    for bins in 1...max(below.count, above.count, 1) {
      let window = max(0, below.count - bins)..<below.count + min(bins, above.count)
      guard window.count >= codes, let divergence = line.divergence(window, codes) else { continue }
      if divergence <= best?.divergence ?? .infinity { best = (bins, divergence) }
    }
    let whole = histogram.low...histogram.high
    return best.map { clipped(whole, within: Float($0.bins) * histogram.width) } ?? whole
  }
}

/// Bins in a row, with sums over those in front of each.
private struct Line {
  private let counts: [Double]
  /// Of counts, of bins that are not empty, of count · log(count).
  private var sums: [Double] = [0], filled: [Double] = [0], logs: [Double] = [0]

  init(_ counts: [Double]) {
    self.counts = counts
    for count in counts {
      sums.append(sums[sums.count - 1] + count)
      filled.append(filled[filled.count - 1] + (count > 0 ? 1 : 0))
      logs.append(logs[logs.count - 1] + Self.entropy(count))
    }
  }

  private static func entropy(_ count: Double) -> Double { count > 0 ? count * log(count) : 0 }

  /// Of a window with as many groups as codes; `nil` where it is infinite or nothing is inside. O(codes).
  func divergence(_ window: Range<Int>, _ codes: Int) -> Double? {
    let first = window.lowerBound, last = window.upperBound - 1, n = window.count
    let inside = sums[last + 1] - sums[first], all = sums[counts.count]
    let before = sums[first], behind = all - sums[last + 1]
    if inside == 0 || (before > 0 && counts[first] == 0) || (behind > 0 && counts[last] == 0) {
      return nil
    }
    // Σ P log P: the outermost bins hold what is outside too.
    var result = logs[last + 1] - logs[first]
    let edges = first == last ? [(first, before + behind)] : [(first, before), (last, behind)]
    for (bin, outside) in edges {
      result += Self.entropy(counts[bin] + outside) - Self.entropy(counts[bin])
    }
    // Σ P log Q, group by group: Q is the same in all bins of one.
    var start = first
    for group in 0..<codes {
      let end = first + ((group + 1) * n + codes - 1) / codes
      let mass = sums[end] - sums[start], bins = filled[end] - filled[start]
      if bins > 0 {
        let mean = log(mass / bins)
        result -= mass * mean
        if group == 0 { result -= before * mean }
        if group == codes - 1 { result -= behind * mean }
      }
      start = end
    }
    return result / all
  }
}
