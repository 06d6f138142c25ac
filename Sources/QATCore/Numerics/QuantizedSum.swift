/// The rule of QLinearAdd, in float32 (`fma` rounds once):
///
///     F = zc - fma(sa/sc, za, (sb/sc)·zb)
///     c = saturate(rint(fma(a, sa/sc, fma(b, sb/sc, F))))
///
/// It is not symmetric: `a` stands inside the product-sum of F, `b` is added first outside.
public struct QuantizedSum: Sendable {
  private let aRatio: Float
  private let bRatio: Float
  private let fixed: Float
  private let grid: IntegerGrid

  /// The sum of codes on two grids, on a third.
  public init(
    _ a: AffineGrid, _ b: AffineGrid, to c: AffineGrid
  ) {
    aRatio = a.scale / c.scale
    bRatio = b.scale / c.scale
    let zeros = (bRatio * Float(b.zeroPoint)).addingProduct(aRatio, Float(a.zeroPoint))
    fixed = Float(c.zeroPoint) - zeros
    grid = c.grid
  }

  /// The code of the sum of two codes.
  public func callAsFunction(_ a: Int, _ b: Int) -> Int {
    let inner = fixed.addingProduct(Float(b), bRatio)
    let sum = inner.addingProduct(Float(a), aRatio)
    return saturate(sum.rounded(.toNearestOrEven), plus: 0, to: grid)
  }
}

/// Whether ONNX Runtime gives QLinearAdd its operands the other way round: where the first operand
/// is a single element along the innermost run of the broadcast.
///
/// The run is the innermost axis that is not 1 in both; where one operand has no more axes, the
/// last axis that both have. Two single elements count as swapped. (Measured with ONNX Runtime
/// 1.31.1.)
public func quantizedSumSwapsOperands(_ a: [Int], _ b: [Int]) -> Bool {
  let shared = min(a.count, b.count)
  if shared == 0 { return a.last ?? 1 == 1 }
  for axis in 1...shared where axis == shared || a[a.count - axis] != 1 || b[b.count - axis] != 1 {
    return a[a.count - axis] == 1
  }
  return false
}
