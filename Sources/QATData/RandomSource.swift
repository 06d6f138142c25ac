import QATCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The project's random numbers: xoshiro256**, seeded through SplitMix64. The same seed gives the
/// same numbers on every machine and in every version, and the state can be saved.
///
/// Source: D. Blackman and S. Vigna, "Scrambled linear pseudorandom number generators",
/// arXiv:1805.01407; https://prng.di.unimi.it.
public struct RandomSource: RandomNumberGenerator, Sendable, Equatable {
  private var s0, s1, s2, s3: UInt64

  /// A source that gives the same numbers for the same seed.
  public init(seed: UInt64) {
    var mix = SplitMix64(state: seed)
    (s0, s1, s2, s3) = (mix.next(), mix.next(), mix.next(), mix.next())
  }

  /// Continues from a saved state.
  ///
  /// - Throws: `invalid-data` unless these are four numbers that are not all 0.
  public init(state: [UInt64]) throws(Diagnostic) {
    guard state.count == 4, state.contains(where: { $0 != 0 }) else {
      throw Diagnostic(.invalidData, "not the state of a random source", hint: "it has 4 numbers")
    }
    (s0, s1, s2, s3) = (state[0], state[1], state[2], state[3])
  }

  /// Where it stands; `restore` goes on from there.
  public var state: [UInt64] { [s0, s1, s2, s3] }

  public mutating func next() -> UInt64 {
    let product = s1 &* 5
    let result = (product << 7 | product >> 57) &* 9
    let shifted = s1 << 17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = s3 << 45 | s3 >> 19
    return result
  }

  /// A number of `0..<bound`, each equally likely (Lemire, arXiv:1805.10941).
  ///
  /// - Precondition: `bound` > 0.
  public mutating func index(below bound: Int) -> Int {
    precondition(bound > 0, "no number below \(bound)")
    let bound = UInt64(bound)
    var wide = next().multipliedFullWidth(by: bound)
    if wide.low < bound {
      let threshold = (0 &- bound) % bound
      while wide.low < threshold { wide = next().multipliedFullWidth(by: bound) }
    }
    return Int(wide.high)
  }

  /// A multiple of 2⁻²⁴ in 0..<1, each equally likely.
  public mutating func uniform() -> Float { Float(next() >> 40) * 0x1p-24 }

  /// A normal value of mean 0 and deviation 1, by the ziggurat method: mostly one number and one
  /// product.
  ///
  /// Source: G. Marsaglia and W. Tsang, "The ziggurat method for generating random variables", Journal
  /// of Statistical Software 5 (8), 2000. The bits that choose a layer are none of those that choose a
  /// place in it.
  public mutating func normal() -> Float {
    while true {
      let bits = next(), layer = Int(bits % UInt64(Ziggurat.layers))
      let x = Double(Int64(bitPattern: bits) >> 11) * 0x1p-52 * Ziggurat.edges[layer]
      // Inside the layer above, which lies below the curve.
      if abs(x) < Ziggurat.edges[layer + 1] { return Float(x) }
      if layer == 0 { return Float(x < 0 ? -tail() : tail()) }
      let low = Ziggurat.heights[layer], high = Ziggurat.heights[layer + 1]
      if low + unit() * (high - low) < Ziggurat.height(x) { return Float(x) }
    }
  }

  /// A normal value beyond the last edge.
  private mutating func tail() -> Double {
    while true {
      let x = -log(unit()) / Ziggurat.last, y = -log(unit())
      if 2 * y >= x * x { return Ziggurat.last + x }
    }
  }

  /// A multiple of 2⁻⁵³ in 0<...1.
  private mutating func unit() -> Double { 1 - Double(next() >> 11) * 0x1p-53 }

  /// The numbers `0..<count` in random order (Fisher and Yates).
  public mutating func permutation(of count: Int) -> [Int] {
    var result = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) {
      result.swapAt(last, index(below: last + 1))
    }
    return result
  }
}

/// Layers of one area that cover exp(-x²/2) for x ≥ 0: layer i reaches to `edges[i]`, and from
/// `heights[i]` to `heights[i + 1]`. Layer 0 is the tail and the rectangle beside it, as wide as a
/// rectangle of its area would be.
private enum Ziggurat {
  static let layers = 256
  /// The edge of the tail, and the area of a layer.
  static let last = 3.6541528853610088, area = 0.00492867323399

  static let edges: [Double] = {
    var edges = [area / height(last), last]
    while edges.count < layers {
      let edge = edges[edges.count - 1]
      edges.append((-2 * log(area / edge + height(edge))).squareRoot())
    }
    return edges + [0]
  }()
  static let heights = edges.map { height($0) }

  static func height(_ x: Double) -> Double { exp(-0.5 * x * x) }
}

/// The generator that makes many states of one seed.
struct SplitMix64 {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }
}

extension RandomSource {
  /// A source of its own for the `index`-th thing (epoch, sample) of a seed.
  init(seed: UInt64, index: Int) {
    var mix = SplitMix64(state: seed)
    self.init(seed: mix.next() ^ (UInt64(bitPattern: Int64(index)) &* 0xd6e8_feb8_6659_fd93))
  }
}
