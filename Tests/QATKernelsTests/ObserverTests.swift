import CQATKernels
import Testing

extension KernelTests {
  @Suite("Observing")
  struct ObserverKernelTests {
    /// Bin borders, numbers beside them, and what is far outside.
    static let reals: [Float] =
      borders + borders.map(\.nextUp) + borders.map(\.nextDown) + extremes
    private static let borders: [Float] = (-70...70).map { Float($0) / 4 }
    private static let extremes: [Float] = [
      0, -0.0, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, 1e30, -1e30, 3.9999998,
    ]

    @Test("counts like a loop, on each CPU, for all sizes and strides")
    func histogram() {
      for (outer, stride, inner) in [
        (1, 0, 0), (1, 430, 430), (1, 1, 1), (5, 86, 86), (5, 86, 13), (430, 1, 1), (3, 100, 17),
      ] {
        for (perUnit, half) in [(Float(4), 8), (0.5, 4), (1, 1), (0.25, 2048)] {
          var expected = [Int64](repeating: 3, count: 2 * half)
          for run in 0..<outer {
            for i in 0..<inner {
              let bin = (Self.reals[run * stride + i] * perUnit).rounded(.down)
              expected[Int(min(max(bin, -Float(half)), Float(half - 1))) + half] += 1
            }
          }
          let found = sameOnEachCPU {
            var counts = [Int64](repeating: 3, count: 2 * half)
            qat_histogram_f32(
              Int64(outer), Int64(stride), Int64(inner), Self.reals, perUnit, Int32(half), &counts)
            return counts
          }
          #expect(found == expected, "\(outer) × \(inner), \(perUnit), \(half)")
        }
      }
    }

    @Test("finds the range of each channel, and NaN")
    func ranges() {
      for (outer, channels, inner) in [(1, 1, 97), (3, 5, 1), (4, 3, 7), (2, 2, 40), (1, 6, 16)] {
        for strange: Float? in [nil, .nan, .infinity] {
          var x = (0..<outer * channels * inner).map { Self.reals[($0 * 37) % 400] }
          let place = x.count / 2
          if let strange { x[place] = strange }
          var expected = [Float](repeating: .infinity, count: channels)
          expected += [Float](repeating: -.infinity, count: channels)
          for (index, value) in x.enumerated() {
            let channel = index / inner % channels
            if value.isNaN || value < expected[channel] { expected[channel] = value }
            if value.isNaN || value > expected[channels + channel] {
              expected[channels + channel] = value
            }
          }
          let found = sameOnEachCPU {
            var low = [Float](repeating: 9, count: channels), high = low
            qat_channel_ranges_f32(
              Int64(outer), Int64(channels), Int64(inner), x, &low, &high)
            return (low + high).map { $0.isNaN ? "nan" : "\($0 + 0)" }
          }
          #expect(found == expected.map { $0.isNaN ? "nan" : "\($0 + 0)" })
        }
      }
    }
  }
}
