/// An integer grid laid on the real numbers: `x ≈ (q - zeroPoint)·scale`. The rules of all integer
/// operations are stated in it.
///
/// Of a tensor with one scale, of a channel, or of a block; `QuantizationParameters` are those of a
/// whole tensor.
public struct AffineGrid: Sendable, Hashable {
  /// Units of `x` per step; > 0 and finite.
  public var scale: Float
  /// The code of 0; inside the grid.
  public var zeroPoint: Int
  /// The codes.
  public var grid: IntegerGrid

  /// Takes the numbers as they are; `validate` checks them.
  public init(scale: Float, zeroPoint: Int, grid: IntegerGrid) {
    self.scale = scale
    self.zeroPoint = zeroPoint
    self.grid = grid
  }

  /// `saturate(roundHalfToEven(x / scale) + zeroPoint)`, in float32, dividing (ONNX QuantizeLinear).
  /// NaN takes the zero point.
  public func quantize(_ x: Float) -> Int {
    saturate((x / scale).rounded(.toNearestOrEven), plus: zeroPoint, to: grid)
  }

  /// `(q - zeroPoint)·scale` in float32 (ONNX DequantizeLinear).
  public func dequantize(_ q: Int) -> Float { Float(q - zeroPoint) * scale }
}

/// `clamp(rounded + zeroPoint, grid.min, grid.max)` for a float that is already an integer.
public func saturate(_ rounded: Float, plus zeroPoint: Int, to grid: IntegerGrid) -> Int {
  let low = Float(grid.min - zeroPoint), high = Float(grid.max - zeroPoint)
  if rounded.isNaN { return zeroPoint }
  return rounded <= low ? grid.min : rounded >= high ? grid.max : Int(rounded) + zeroPoint
}
