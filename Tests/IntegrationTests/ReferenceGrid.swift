import Foundation

/// A grid as its definition reads, apart from the library: what tests compare with.
struct ReferenceGrid {
  /// The lowest and the highest code.
  let low: Int
  let high: Int
  let scale: Float
  let zero: Int

  /// Zero in the middle: the largest magnitude has the highest code.
  static func symmetric(low: Int, high: Int, magnitude: Float) -> Self {
    Self(low: low, high: high, scale: magnitude / Float(high), zero: 0)
  }

  /// All codes for the range, which is widened to hold 0.
  static func asymmetric(low: Int, high: Int, min: Float, max: Float) -> Self {
    let (bottom, top) = (Swift.min(min, 0), Swift.max(max, 0))
    let scale = (top - bottom) / Float(high - low)
    let zero = Int((Float(low) - bottom / scale).rounded(.toNearestOrEven))
    return Self(low: low, high: high, scale: scale, zero: Swift.min(Swift.max(zero, low), high))
  }

  /// The code before saturation.
  func unsaturated(_ x: Float) -> Int { Int((x / scale).rounded(.toNearestOrEven)) + zero }
  func isInside(_ x: Float) -> Bool { (low...high).contains(unsaturated(x)) }
  func code(_ x: Float) -> Int { min(max(unsaturated(x), low), high) }
  func value(_ x: Float) -> Float { Float(code(x) - zero) * scale }
}

/// The signal against the noise, in decibels.
func decibels(_ signal: [Float], _ noisy: [Float]) -> Double {
  var power = 0.0, error = 0.0
  for (x, y) in zip(signal, noisy) {
    power += Double(x) * Double(x)
    error += (Double(x) - Double(y)) * (Double(x) - Double(y))
  }
  return 10 * log10(power / error)
}
