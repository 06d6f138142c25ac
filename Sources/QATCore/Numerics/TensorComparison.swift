#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How far tensors are apart; counts on when more of them are added.
///
/// Two NaN are equal, and so are two infinities of one sign; else they are infinitely far apart.
public struct TensorComparison: Sendable, Equatable {
  /// Σ x².
  public private(set) var signal = 0.0
  /// Σ (x - y)².
  public private(set) var noise = 0.0
  /// The largest |x - y|.
  public private(set) var maxDifference = 0.0
  /// Elements that are the same number in both.
  public private(set) var equalCount = 0
  /// Elements compared.
  public private(set) var count = 0

  public init() {}

  /// - Precondition: as many elements in `y` as in `x`.
  public init(_ x: [Double], _ y: [Double]) { add(x, y) }

  /// Compares more elements. O(n).
  /// - Precondition: as many elements in `y` as in `x`.
  public mutating func add(_ x: [Double], _ y: [Double]) {
    precondition(x.count == y.count, "\(x.count) elements against \(y.count)")
    count += x.count
    for (a, b) in zip(x, y) {
      if a.isFinite { signal += a * a }
      if a == b || (a.isNaN && b.isNaN) {
        equalCount += 1
        continue
      }
      let distance = abs(a - b)
      guard distance.isFinite else {
        (noise, maxDifference) = (.infinity, .infinity)
        continue
      }
      noise += distance * distance
      maxDifference = max(maxDifference, distance)
    }
  }

  /// The noise against the signal, Σ (x - y)² / Σ x²; 0 where all is equal.
  public var relativeNoise: Double {
    noise == 0 ? 0 : signal == 0 ? .infinity : noise / signal
  }
  /// The signal against the noise in dB: 10·log10(Σ x² / Σ (x - y)²); infinite where all is equal.
  public var sqnr: Double { decibels(ofNoise: relativeNoise) }
  /// The share of elements that are the same, 0…1.
  public var equalShare: Double { count == 0 ? 1 : Double(equalCount) / Double(count) }
}

/// A relative noise power as a distance to the signal in dB: -10·log10(noise).
public func decibels(ofNoise noise: Double) -> Double {
  noise == 0 ? .infinity : noise == .infinity ? -.infinity : -10 * log10(noise)
}

/// The relative noise power that is so many dB below the signal: 10^(-dB/10).
public func noise(ofDecibels decibels: Double) -> Double { pow(10, -decibels / 10) }
