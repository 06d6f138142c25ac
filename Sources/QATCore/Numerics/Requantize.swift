/// The factor from accumulators to output codes of QLinearConv and QLinearMatMul, in float32 and in
/// this order: `(s_x·s_w) / s_y`.
public func requantizationMultiplier(_ xScale: Float, _ wScale: Float, _ yScale: Float) -> Float {
  (xScale * wScale) / yScale
}

/// The factor of QGemm: `((α·s_x)·s_w) / s_y`, in this order.
public func requantizationMultiplier(
  alpha: Float, _ xScale: Float, _ wScale: Float, _ yScale: Float
) -> Float {
  ((alpha * xScale) * wScale) / yScale
}

extension AffineGrid {
  /// The code of an exact accumulator: `saturate(rint(f32(acc)·multiplier) + zeroPoint)`.
  ///
  /// The conversion of `acc` rounds to nearest even, as does `rint`; the zero point is added after
  /// rounding. The scale of `self` is inside the multiplier already.
  public func requantize(_ accumulator: Int32, by multiplier: Float) -> Int {
    saturate(
      (Float(accumulator) * multiplier).rounded(.toNearestOrEven), plus: zeroPoint, to: grid)
  }
}

/// `Σ (x - zx)·(w - zw)` plus a bias, modulo 2³²: the accumulator of every integer product.
public struct Accumulator: Sendable {
  /// The sum so far, modulo 2³².
  public private(set) var value: Int32

  /// A sum that begins with the bias.
  public init(_ bias: Int32 = 0) { value = bias }

  /// Adds the product of two centred codes.
  public mutating func add(_ x: Int, _ w: Int) {
    value &+= Int32(truncatingIfNeeded: x &* w)
  }
}
