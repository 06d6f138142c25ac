import QATCore
import Testing

@testable import QATRuntime

@Suite("The search for a range")
struct RangeSearchTests {
  private func histogram(_ fixture: ObserverFixture) throws -> Histogram {
    var histogram = Histogram()
    try histogram.add(Tensor(shape: [fixture.values.count], fixture.values))
    return histogram
  }

  private func rule(_ search: ObserverFixture.Search) throws -> RangeToParameters {
    RangeToParameters(
      grid: try #require(IntegerGrid(search.grid)),
      scheme: try #require(QuantizationScheme(rawValue: search.scheme)),
      powerOfTwo: search.powerOfTwo)
  }

  /// Σ count · (c - fakeQuantize(c))², bin by bin.
  private func error(
    _ histogram: Histogram, _ rule: RangeToParameters, _ range: ClosedRange<Float>
  ) -> Double {
    let quantizer = rule(min: range.lowerBound, max: range.upperBound)
    let grid = quantizer.grid, scale = Double(quantizer.scale)
    return histogram.counts.enumerated().reduce(0) { sum, next in
      if next.element == 0 { return sum }
      let center = (Double(next.offset - 2048) + 0.5) * Double(histogram.width)
      let step = (center / scale).rounded(.toNearestOrEven)
      let clamped = min(
        max(step, Double(grid.min - quantizer.zeroPoint)), Double(grid.max - quantizer.zeroPoint))
      let difference = center - clamped * scale
      return sum + Double(next.element) * difference * difference
    }
  }

  @Test(
    "by squared error finds what trying all candidates finds in NumPy",
    arguments: ObserverFixture.all)
  func squaredError(_ fixture: ObserverFixture) throws {
    let histogram = try histogram(fixture)
    for search in fixture.searches {
      let rule = try rule(search)
      let found = SquaredErrorSearch(parameters: rule).range(histogram)
      #expect([found.lowerBound, found.upperBound] == search.squaredError, "\(search)")
      // And the error is as small as it can be, in sums of another order.
      let least = error(histogram, rule, found)
      #expect(abs(least - search.error) <= 1e-9 * search.error, "\(search)")
    }
  }

  @Test(
    "by squared error clips outliers where steps are coarse, and keeps them where they are fine")
  func clipping() throws {
    let fixture = try #require(ObserverFixture.all.first { $0.name == "outliers" })
    let histogram = try histogram(fixture)
    func share(_ bits: Int) throws -> Float {
      let grid = try IntegerGrid(bits: bits, signed: true)
      let rule = RangeToParameters(grid: grid, scheme: .symmetric)
      let range = SquaredErrorSearch(parameters: rule).range(histogram)
      return max(-range.lowerBound, range.upperBound) / max(-fixture.low, fixture.high)
    }
    #expect(try share(2) < 0.2 && share(2) <= share(4) && share(4) <= share(8) && share(16) == 1)
  }

  @Test("by entropy finds what the definition gives in NumPy", arguments: ObserverFixture.all)
  func entropy(_ fixture: ObserverFixture) throws {
    let histogram = try histogram(fixture)
    for search in fixture.searches {
      guard let expected = search.entropy else { continue }
      let found = EntropySearch(parameters: try rule(search)).range(histogram)
      #expect([found.lowerBound, found.upperBound] == expected, "\(search)")
    }
  }

  @Test("gives what there is of nothing, of zeros and of one value")
  func degenerate() throws {
    let rule = RangeToParameters(grid: .uint8, scheme: .asymmetric)
    for values: [Float] in [[], [0, 0, 0], [2, 2], [-0.125]] {
      var histogram = Histogram()
      try histogram.add(Tensor(shape: [values.count], values))
      let low = values.min() ?? 0, high = values.max() ?? 0
      let entropy = EntropySearch(parameters: rule).range(histogram)
      #expect(entropy == low...high, "\(values)")
      let error = SquaredErrorSearch(parameters: rule).range(histogram)
      // A bin's middle is what is quantized: within half a bin the ends may move.
      #expect(
        abs(error.lowerBound - low) <= abs(low) / 2 && abs(error.upperBound - high) <= abs(high) / 2
      )
    }
  }
}
