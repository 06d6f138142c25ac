/// A function of one code, as a table: dequantize, `f`, divide by the output's scale, round to
/// even, add the zero point, saturate. QLinearConcat (f = identity), QLinearSigmoid,
/// QLinearLeakyRelu.
public struct QuantizedTable: Sendable {
  private let lowest: Int
  /// The output codes of all input codes, from the lowest one up.
  public let entries: [Int]

  /// The table of a function between two grids.
  public init(
    from x: AffineGrid, to y: AffineGrid, _ f: (Float) -> Float = { $0 }
  ) {
    lowest = x.grid.min
    entries = (x.grid.min...x.grid.max).map { y.quantize(f(x.dequantize($0))) }
  }

  /// - Precondition: a code of the input's grid.
  public subscript(code: Int) -> Int { entries[code - lowest] }
}

/// `x` where it is not negative, else `alpha·x`.
public func leakyRelu(_ x: Float, alpha: Float) -> Float { x >= 0 ? x : alpha * x }

/// `1/(1 + e⁻ˣ)` to float32's precision, bit for bit as ONNX Runtime's vector kernels compute it: x
/// is clamped to ±18, then 1/2 plus an odd polynomial of degree 9 over an even one of degree 10
/// (the rational form of tanh(x/2)/2), both by Horner's scheme with fused multiply-adds.
public func rationalLogistic(_ x: Float) -> Float {
  let x = Swift.min(Swift.max(x, -18), 18), square = x * x
  func horner(_ coefficients: [Float]) -> Float {
    coefficients.dropFirst().reduce(coefficients[0]) { $1.addingProduct($0, square) }
  }
  let odd = horner([
    4.37031012579801e-11, 1.15627324459942e-07, 6.08574864600143e-05, 8.51377133304701e-03,
    2.48287947061529e-01,
  ])
  let even = horner([
    6.10247389755681e-13, 5.76102136993427e-09, 6.29106785017040e-06, 1.70198817374094e-03,
    1.16817656904453e-01, 9.93151921023180e-01,
  ])
  return Swift.min(Swift.max((odd * x) / even + 0.5, 0), 1)
}
