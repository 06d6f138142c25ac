import QATCore
import Testing

@testable import QATRuntime

@Suite("A histogram")
struct HistogramTests {
  private func histogram(_ values: [Float], batches sizes: [Int], bins: Int = 4096) throws
    -> Histogram
  {
    var histogram = Histogram(binCount: bins), rest = values[...]
    for size in sizes {
      let batch = Array(rest.prefix(size))
      rest = rest.dropFirst(size)
      try histogram.add(Tensor(shape: [batch.count], batch))
    }
    return histogram
  }

  @Test("counts what NumPy counts, however the values come", arguments: ObserverFixture.all)
  func counts(_ fixture: ObserverFixture) throws {
    let values = fixture.values
    let whole = try histogram(values, batches: [values.count])
    #expect(whole.low == fixture.low && whole.high == fixture.high && whole.width == fixture.width)
    let counts = whole.counts.map { Int($0) }
    let moments = [0, 1, 2].map { power in
      counts.enumerated().reduce(0) { sum, next in
        sum + next.element * (power == 0 ? 1 : power == 1 ? next.offset : next.offset * next.offset)
      }
    }
    #expect(moments == fixture.moments)
    #expect(try histogram(values, batches: [1, 7, 0, 500, 3000, 20000]) == whole)
    #expect(
      try histogram(values.sorted { abs($0) < abs($1) }, batches: [100, 9000, 20000]) == whole)
    #expect(try histogram(values.reversed(), batches: [12345, 20000]) == whole)
  }

  @Test("doubles its bins when a value lies outside, and adds neighbours up")
  func growth() throws {
    var histogram = Histogram(binCount: 8)
    try histogram.add(Tensor(shape: [5], [-0.5, 0, 0.125, 0.25, 0.3]))
    // 0.5 is not below 4 · 0.125, so that a bin is 0.25 wide.
    #expect(histogram.width == 0.25 && histogram.counts == [0, 0, 1, 0, 2, 2, 0, 0])
    try histogram.add(Tensor(shape: [1], [0.75]))
    #expect(histogram.width == 0.25 && histogram.counts == [0, 0, 1, 0, 2, 2, 0, 1])
    try histogram.add(Tensor(shape: [2], [-3, 1]))
    #expect(histogram.width == 1 && histogram.counts == [0, 1, 0, 1, 5, 1, 0, 0])
    try histogram.add(Tensor(shape: [1], [1e30]))
    #expect(histogram.counts == [0, 0, 0, 2, 6, 0, 0, 1])
    #expect(histogram.total == 9 && histogram.low == -3 && histogram.high == 1e30)
  }

  @Test("holds the smallest and the largest numbers")
  func extremes() throws {
    for values: [Float] in [
      [0, 0], [.leastNonzeroMagnitude * 8, -.leastNonzeroMagnitude],
      [.greatestFiniteMagnitude, -.greatestFiniteMagnitude], [-0.0, 3e-30],
    ] {
      let histogram = try histogram(values, batches: [1, 1])
      #expect(histogram.total == 2 && histogram.width > 0 && histogram.width.significand == 1)
      let range = histogram.percentileRange(100)
      #expect(range.lowerBound == values.min() && range.upperBound == values.max())
    }
  }

  @Test("refuses what is no number")
  func strange() throws {
    for value: Float in [.nan, .infinity, -.infinity] {
      var histogram = Histogram()
      let error = #expect(throws: Diagnostic.self) {
        try histogram.add(Tensor(shape: [3], [0, value, 1]))
      }
      #expect(error?.code == .invalidData && histogram == Histogram())
    }
  }

  @Test(
    "gives percentiles within one bin of the exact ones, and never inside them",
    arguments: ObserverFixture.all)
  func percentiles(_ fixture: ObserverFixture) throws {
    let histogram = try histogram(fixture.values, batches: [6000, 14000])
    #expect(histogram.width <= max(abs(fixture.low), abs(fixture.high)) / 1024)
    for exact in fixture.percentiles {
      let range = histogram.percentileRange(exact.share)
      #expect(range.lowerBound <= exact.low && exact.low - range.lowerBound <= histogram.width)
      #expect(range.upperBound >= exact.high && range.upperBound - exact.high <= histogram.width)
      #expect(range.lowerBound >= fixture.low && range.upperBound <= fixture.high)
    }
  }
}
