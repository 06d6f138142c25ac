import Foundation
import Testing

/// What `Tests/Python/observers.py` computes for one distribution of values.
struct ObserverFixture: Decodable, Sendable, CustomTestStringConvertible {
  struct Percentile: Decodable, Sendable { let share: Double, low: Float, high: Float }
  struct Search: Decodable, Sendable {
    let grid: String, scheme: String, powerOfTwo: Bool
    let error: Double
    let squaredError: [Float]
    let entropy: [Float]?
  }
  let name: String
  let low: Float, high: Float, width: Float
  /// Σ count, Σ count · bin, Σ count · bin².
  let moments: [Int]
  let percentiles: [Percentile]
  let searches: [Search]

  var testDescription: String { name }

  static let all: [ObserverFixture] = {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    guard let data = try? Data(contentsOf: tests.appending(path: "Fixtures/observers.json")),
      let all = try? JSONDecoder().decode([ObserverFixture].self, from: data)
    else { return [] }
    return all
  }()

  /// The values that the script computes from.
  var values: [Float] {
    let bell = Self.bell
    switch name {
    case "relu": return bell.map { Float(max($0, 0)) }
    case "shifted": return bell.map { Float($0 + 1) }
    case "outliers": return Self.outliers.map { Float($0) }
    case "positive-outliers": return Self.outliers.map { Float(abs($0)) }
    case "negative": return bell.map { Float(-abs($0)) }
    case "heavy": return bell.map { Float($0 * abs($0) * abs($0)) }
    default: return bell.map { Float($0) }
    }
  }

  /// Sums of four uniform numbers, between -2 and 2 (SplitMix64).
  private static let bell: [Double] = {
    var state: UInt64 = 5
    return (0..<20000).map { _ in
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
      z ^= z >> 31
      let sum = (0..<4).reduce(0) { $0 + Int(z >> (16 * UInt64($1)) & 0xffff) }
      return Double(sum) / 65536 - 2
    }
  }()

  private static let outliers = bell.enumerated().map {
    $0.offset % 997 == 0 ? $0.element * 16 : $0.element
  }
}
