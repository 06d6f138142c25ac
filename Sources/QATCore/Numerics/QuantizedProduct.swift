/// The rule of QLinearMul, in float32, without a fused multiply-add:
///
///     c = saturate(rint(f32((a - za)·(b - zb))·((sa·sb)/sc) + zc))
///
/// The zero point is added before rounding, so a tie goes to the even code.
public struct QuantizedProduct: Sendable {
  private let aZero: Int
  private let bZero: Int
  private let multiplier: Float
  private let c: AffineGrid

  /// The product of codes on two grids, on a third.
  public init(
    _ a: AffineGrid, _ b: AffineGrid, to c: AffineGrid
  ) {
    aZero = a.zeroPoint
    bZero = b.zeroPoint
    multiplier = (a.scale * b.scale) / c.scale
    self.c = c
  }

  /// The code of the product of two codes.
  public func callAsFunction(_ a: Int, _ b: Int) -> Int {
    let scaled = Float((a - aZero) * (b - bZero)) * multiplier
    let shifted = scaled + Float(c.zeroPoint)
    return saturate(shifted.rounded(.toNearestOrEven), plus: 0, to: c.grid)
  }
}
