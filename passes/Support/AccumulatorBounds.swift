import QATCore
import QATIR

/// How far the int32 sums of a product can go: Σ (x - z)(w - z_w), for all codes that may come.
struct AccumulatorBounds: Sendable {
  /// x - z: one range for each of the extreme zero points. Bounds are linear in the zero point, so that
  /// nothing between the extremes goes further.
  let inputs: [ClosedRange<Int>]
  let weights: Weights

  enum Weights: Sendable {
    /// Constant ones: the sums of the positive ones and of the magnitudes of the negative ones, for each
    /// accumulator.
    case sums(positive: [Int], negative: [Int])
    /// `count` factors of which the range alone is known.
    case any(ClosedRange<Int>, count: Int)
  }

  /// How much of int32 a sum between two bounds may take; above 1 it does not fit.
  static func share(_ low: Int, _ high: Int) -> Double {
    max(Double(high) / Double(Int32.max), Double(low) / Double(Int32.min))
  }

  /// The range of each accumulator, without a bias; never narrower than the truth, and reached by some
  /// input where all weights are constants and padding does not matter.
  var ranges: [ClosedRange<Int>] {
    switch weights {
    case .any(let range, let count):
      let products = inputs.flatMap { x in
        [
          x.lowerBound * range.lowerBound, x.lowerBound * range.upperBound,
          x.upperBound * range.lowerBound, x.upperBound * range.upperBound,
        ]
      }
      return [count * (products.min() ?? 0)...count * (products.max() ?? 0)]
    case .sums(let positive, let negative):
      return zip(positive, negative).map { p, n in
        let lows = inputs.map { p * $0.lowerBound - n * $0.upperBound }
        let highs = inputs.map { p * $0.upperBound - n * $0.lowerBound }
        return (lows.min() ?? 0)...(highs.max() ?? 0)
      }
    }
  }
}

extension AccumulatorBounds.Weights {
  /// Sums over all axes but the first (a convolution's [M, ...]).
  static func filters(_ centred: [Int32], count: Int) -> Self {
    matrices(centred, shape: [count, count == 0 ? 1 : max(1, centred.count / count)], over: 1)
  }

  /// Sums over one axis of a matrix or a stack of them: one accumulator for each other index.
  static func matrices(_ centred: [Int32], shape: [Int], over axis: Int) -> Self {
    let inner = shape[(axis + 1)...].reduce(1, *), size = max(1, shape[axis])
    if inner == 1 { return rows(centred, of: size) }
    var positive = Array(repeating: 0, count: centred.count / size), negative = positive
    for outer in 0..<(centred.count / max(1, size * inner)) {
      for row in 0..<size {
        let start = (outer * size + row) * inner
        for column in 0..<inner {
          let weight = Int(centred[start + column])
          positive[outer * inner + column] += max(weight, 0)
          negative[outer * inner + column] -= min(weight, 0)
        }
      }
    }
    return .sums(positive: positive, negative: negative)
  }

  /// Sums over neighbours.
  private static func rows(_ centred: [Int32], of size: Int) -> Self {
    var positive: [Int] = [], negative: [Int] = []
    for start in stride(from: 0, to: centred.count, by: size) {
      // Of no more than 2^31 terms below 2^32 each.
      var sum = 0, magnitude = 0
      for weight in centred[start..<min(start + size, centred.count)] {
        sum &+= Int(weight)
        magnitude &+= abs(Int(weight))
      }
      positive.append((magnitude + sum) / 2)
      negative.append((magnitude - sum) / 2)
    }
    return .sums(positive: positive, negative: negative)
  }
}

extension Graph {
  /// The codes that a value of codes may hold: those of its type, or fewer where what computes it says
  /// so.
  func codeRange(of value: ValueID, depth: Int = 32) -> ClosedRange<Int>? {
    if let codes = self[value].constant?.smallIntegers, let low = codes.min(),
      let high = codes.max()
    {
      return Int(low)...Int(high)
    }
    guard let grid = IntegerGrid(codesOf: self[value].type.element) else { return nil }
    let all = grid.min...grid.max
    guard depth > 0, let node = producer(of: value) else { return all }
    let operands = self[node].operands
    func range(_ index: Int) -> ClosedRange<Int>? {
      index < operands.count ? operands[index].flatMap { codeRange(of: $0, depth: depth - 1) } : nil
    }
    switch self[node].op {
    case is MaxPool, is Reshape, is Flatten, is Transpose, is Squeeze, is Unsqueeze, is Identity,
      is Slice, is Split, is Gather, is GatherElements, is GatherND, is DepthToSpace,
      is SpaceToDepth, is Tile, is Expand, is Resize:
      return range(0) ?? all
    case is Concat:
      let parts = operands.indices.map { range($0) ?? all }
      return
        (parts.map(\.lowerBound).min() ?? all.lowerBound)...(parts.map(\.upperBound).max()
        ?? all.upperBound)
    case is Clip:
      let x = range(0) ?? all
      let low = range(1)?.lowerBound ?? all.lowerBound
      let high = range(2)?.upperBound ?? all.upperBound
      guard low <= high else { return all }
      return min(max(x.lowerBound, low), high)...min(max(x.upperBound, low), high)
    default: return all
    }
  }

  /// The ranges of codes minus their zero point, at the extreme zero points; `padded`: a zero may stand
  /// where there is no code.
  func centredRanges(
    codes: ValueID?, zeroPoint: ValueID?, padded: Bool = false
  ) -> [ClosedRange<Int>]? {
    guard let codes, let range = codeRange(of: codes) else { return nil }
    let zeros = zeroPoint.map { codeRange(of: $0) ?? range } ?? 0...0
    return Set([zeros.lowerBound, zeros.upperBound]).sorted().map { zero in
      let low = range.lowerBound - zero, high = range.upperBound - zero
      return padded ? min(low, 0)...max(high, 0) : low...high
    }
  }

  /// Constant codes minus their zero points.
  func centredConstant(
    codes: ValueID?, zeroPoint: ValueID?, axis: Int, blockSize: Int = 0
  ) -> [Int32]? {
    guard let tensor = codes.flatMap({ self[$0].constant }),
      let integers = tensor.smallIntegers
    else { return nil }
    guard let zeroPoint else { return integers }
    guard let zeros = self[zeroPoint].constant, let numbers = zeros.smallIntegers else {
      return nil
    }
    if numbers.allSatisfy({ $0 == 0 }) { return integers }
    guard
      let granularity = try? Granularity(
        shape: tensor.shape, parameterShape: zeros.shape, axis: axis, blockSize: blockSize)
    else { return nil }
    return integers.enumerated().map { $1 - numbers[granularity.parameter(of: $0)] }
  }
}

extension WindowAttributes {
  /// Whether windows may reach beyond the input.
  var mayPad: Bool {
    switch autoPad {
    case .explicit: pads.contains { $0 != 0 }
    case .sameUpper, .sameLower: true
    case .valid: false
    }
  }
}
