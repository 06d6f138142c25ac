/// The rule of QLinearAveragePool: dequantize each code, sum in window order, divide by `count`,
/// then `rint(v/sy + zy)`: the zero point is added before rounding.
///
/// - Parameter count: what the sum is divided by; more than the codes where padding counts.
public func quantizedAverage(
  _ codes: some Sequence<Int>, count: Int, from x: AffineGrid,
  to y: AffineGrid
) -> Int {
  let sum = codes.reduce(Float(0)) { $0 + x.dequantize($1) }
  let shifted = (sum / Float(count)) / y.scale + Float(y.zeroPoint)
  return saturate(shifted.rounded(.toNearestOrEven), plus: 0, to: y.grid)
}

/// The rule of QLinearGlobalAveragePool over one channel of one image:
/// `rint(f32(Σ(x - zx))·(sx/(sy·count))) + zy`.
public func quantizedGlobalAverage(
  _ codes: some Collection<Int>, from x: AffineGrid, to y: AffineGrid
) -> Int {
  var sum = Accumulator()
  for code in codes { sum.add(code - x.zeroPoint, 1) }
  return y.requantize(sum.value, by: x.scale / (y.scale * Float(codes.count)))
}
