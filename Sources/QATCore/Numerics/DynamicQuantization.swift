extension AffineGrid {
  /// The parameters that DynamicQuantizeLinear chooses for data between `min` and `max`: uint8, the
  /// range widened to hold 0, scale `(max - min)/255` (1 for an empty range), zero point
  /// `rint(clamp(0 - min/scale, 0, 255))`, in float32.
  public static func dynamic(min: Float, max: Float) -> AffineGrid {
    let low = Swift.min(min, 0), high = Swift.max(max, 0)
    let scale = high == low ? 1 : (high - low) / 255
    let zero = Swift.min(Swift.max(0 - low / scale, 0), 255).rounded(.toNearestOrEven)
    return AffineGrid(scale: scale, zeroPoint: zero.isNaN ? 0 : Int(zero), grid: .uint8)
  }
}
