/// Where the code of zero lies.
public enum QuantizationScheme: String, Sendable, Hashable, CaseIterable {
  /// In the middle: code 0 of a signed grid, the mid code of an unsigned one.
  case symmetric
  /// Where the range asks for it.
  case asymmetric
}

/// From an observed range to a scale and a zero point.
public struct RangeToParameters: Sendable, Hashable {
  /// The codes.
  public var grid: IntegerGrid
  /// Where the code of 0 lies.
  public var scheme: QuantizationScheme
  /// Rounds scales up to a power of two, for hardware that shifts.
  public var powerOfTwo: Bool

  /// The smallest scale given out, 2⁻⁶⁰: a product of two scales is still a normal number.
  public static let smallestScale = Float(sign: .plus, exponent: -60, significand: 1)

  public init(grid: IntegerGrid, scheme: QuantizationScheme, powerOfTwo: Bool = false) {
    self.grid = grid
    self.scheme = scheme
    self.powerOfTwo = powerOfTwo
  }

  /// The parameters for values between `min` and `max`, computed in float32.
  ///
  /// Symmetric: `scale = max(|min|, |max|)/n`, n the codes above the zero point (int8: 127).
  /// Asymmetric: the range is widened to hold 0, `scale = (max - min)/(codes - 1)`, and the zero
  /// point is rounded, which moves the range by up to half a step so that 0 is exact.
  /// - Parameter tensorMaximum: stands in for the size of an empty range: the largest magnitude in
  ///   the whole tensor where this range is one channel's; 1 where that is 0 too.
  /// - Precondition: all three are finite: callers report NaN and infinity with the tensor's name.
  public func callAsFunction(
    min: Float, max: Float, tensorMaximum: Float = 0
  ) -> AffineGrid {
    precondition(min.isFinite && max.isFinite && tensorMaximum.isFinite, "a range is finite")
    let stand = abs(tensorMaximum) > 0 ? abs(tensorMaximum) : 1
    switch scheme {
    case .symmetric:
      let zero = grid.isSigned ? 0 : (grid.max + 1) / 2
      let magnitude = Swift.max(abs(min), abs(max))
      let scale = usable((magnitude > 0 ? magnitude : stand) / Float(grid.max - zero))
      return AffineGrid(scale: scale, zeroPoint: zero, grid: grid)
    case .asymmetric:
      let low = Swift.min(min, 0), high = Swift.max(max, 0)
      let scale = usable(step(low, low == high ? stand : high))
      let zero = (Float(grid.min) - low / scale).rounded(.toNearestOrEven)
      let code = Swift.min(Swift.max(zero, Float(grid.min)), Float(grid.max))
      return AffineGrid(scale: scale, zeroPoint: Int(code), grid: grid)
    }
  }

  private func step(_ low: Float, _ high: Float) -> Float {
    let steps = Float(grid.max - grid.min), width = high - low
    return width.isFinite ? width / steps : high / steps - low / steps
  }

  private func usable(_ scale: Float) -> Float {
    let scale = Swift.max(scale, Self.smallestScale)
    guard powerOfTwo, scale.significand > 1 else { return scale }
    return Float(sign: .plus, exponent: Swift.min(scale.exponent + 1, 127), significand: 1)
  }
}
