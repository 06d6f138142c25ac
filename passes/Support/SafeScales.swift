import QATCore
import QATIR

/// Weight scales on which a product's sums and biases fit int32.
struct SafeScales: Sendable {
  private(set) var scales: [Float]
  /// What was raised and why, in words.
  private(set) var reasons: [String] = []
  /// At most the largest magnitude of a sum with its bias, as a share of int32's.
  private(set) var share = 0.0

  /// Those that the product had.
  var oldScales: [Float] { product.weight }

  private let product: ProductScales
  private let inputs: [ClosedRange<Int>]
  private let bias: [Float]?
  private let sums: @Sendable ([Int32]) -> AccumulatorBounds.Weights

  /// Biases stay within 2³⁰ steps of the accumulator, so that a sum has room beside them.
  private static let biasLimit = Float(1 << 30)
  /// Sums may cost this factor, three bits of the weight; more would leave nothing of it.
  private static let largestFactor: Float = 8

  /// - Parameters:
  ///   - inputs: the ranges of the activation's codes, centred.
  ///   - terms: of a sum, where that is known.
  ///   - sums: from centred codes of the weight to what bounds its accumulators.
  /// - Throws: why no scale will do.
  init(
    _ product: ProductScales, inputs: [ClosedRange<Int>], bias: [Float]?, terms: Int?,
    sums: @escaping @Sendable ([Int32]) -> AccumulatorBounds.Weights
  ) throws(Island) {
    (self.product, self.inputs, self.bias, self.sums) = (product, inputs, bias, sums)
    scales = product.weight
    try raiseForBiases()
    if let terms, fits(terms) { return }
    try raiseForSums()
  }

  /// Whether sums of that many terms fit whatever codes the weight has: most do, and looking at the weight
  /// costs more than all the rest.
  private mutating func fits(_ terms: Int) -> Bool {
    let results = product.source.elementCount / max(terms, 1)
    guard scales.count == 1 || scales.count == results else { return false }
    let bounds = AccumulatorBounds(
      inputs: inputs, weights: .any(product.centredRange, count: terms))
    let biases = (0..<results).map { biasCode($0, of: results) }
    share =
      bounds.ranges.map {
        AccumulatorBounds.share(
          $0.lowerBound + (biases.min() ?? 0), $0.upperBound + (biases.max() ?? 0))
      }.max() ?? 0
    return share <= 1
  }

  /// What is added to one of so many results.
  private func biasCode(_ index: Int, of results: Int) -> Int {
    guard let bias, bias.count == results else { return 0 }
    let scale = biasScale(product.input, scales[scales.count == 1 ? 0 : index])
    return Int(quantizedBias(bias[index], scale: scale))
  }

  private mutating func raiseForBiases() throws(Island) {
    guard let bias, scales.count == 1 || scales.count == bias.count else { return }
    var raised: [Int: Float] = [:]
    for (channel, b) in bias.enumerated() {
      guard b.isFinite else { throw Island("its bias holds NaN or infinity") }
      let c = scales.count == 1 ? 0 : channel
      while abs(b) / (product.input * scales[c]) > Self.biasLimit {
        scales[c] = next(above: scales[c], wanted: abs(b) / (product.input * Self.biasLimit))
        raised[c] = b
      }
    }
    tell(raised.keys.sorted(), from: product.weight) {
      "its bias \(raised[$0] ?? 0) would leave int32"
    }
  }

  private mutating func raiseForSums() throws(Island) {
    let start = scales
    var reached: [Int: Int] = [:]
    while true {
      let ranges = AccumulatorBounds(inputs: inputs, weights: sums(product.centredCodes(scales)))
        .ranges
      guard scales.count == 1 || scales.count == ranges.count else {
        throw Island("its scales do not lie along its results")
      }
      var factors: [Int: Float] = [:]
      share = 0
      for (index, range) in ranges.enumerated() {
        let c = scales.count == 1 ? 0 : index, b = biasCode(index, of: ranges.count)
        let low = range.lowerBound + b, high = range.upperBound + b
        let ratio = AccumulatorBounds.share(low, high)
        share = max(share, ratio)
        guard high > Int(Int32.max) || low < Int(Int32.min) else { continue }
        factors[c] = max(factors[c] ?? 1.01, Float(ratio))
        if reached[c] == nil { reached[c] = ratio == Double(high) / Double(Int32.max) ? high : low }
      }
      if factors.isEmpty { break }
      for (c, factor) in factors {
        scales[c] = next(above: scales[c], wanted: scales[c] * factor)
        guard scales[c] <= Self.largestFactor * start[c] else {
          throw Island(
            "its sums could reach \(reached[c] ?? 0), beyond int32, and too little of its weights would "
              + "be left on a scale that is \(Int(Self.largestFactor)) times as large")
        }
      }
    }
    tell(reached.keys.sorted(), from: start) {
      "its sums could reach \(reached[$0] ?? 0), beyond int32"
    }
  }

  /// A larger scale: the one wanted or, where all are powers of two, the power of two above it.
  private func next(above scale: Float, wanted: Float) -> Float {
    let new = max(wanted, scale.nextUp)
    guard product.weight.allSatisfy({ $0.significand == 1 }), new.significand != 1 else {
      return new
    }
    return Float(sign: .plus, exponent: new.exponent + 1, significand: 1)
  }

  private mutating func tell(_ channels: [Int], from old: [Float], because: (Int) -> String) {
    guard let first = channels.first else { return }
    if channels.count > 3 {
      let factor = channels.map { scales[$0] / old[$0] }.max() ?? 1
      reasons.append(
        "the weight scales of \(channels.count) channels were raised, by up to \(factor) times; of "
          + "channel \(first), for instance, \(because(first))")
      return
    }
    for c in channels {
      let which = scales.count == 1 ? "" : " of channel \(c)"
      reasons.append(
        "the weight scale\(which) was raised from \(old[c]) to \(scales[c]): \(because(c))")
    }
  }
}
