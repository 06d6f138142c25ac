public import QATCore
import QATIR
public import QATKernels

extension QuantizedTensor {
  /// The matrix product as NumPy's `matmul`, batched, by the rule of QLinearMatMul and QGemm.
  ///
  ///     acc = bias/(sa·sb) + Σ (a - za)·(b - zb)                  exact, int32
  ///     y   = saturate(rint(f32(acc)·((sa·sb)/sy)) + zy)
  ///
  /// - Parameters:
  ///   - b: per tensor, or with a scale per column (its last axis).
  ///   - bias: [N], one a column; rounded to int32 codes on the scale `sa·sb`.
  /// - Throws: `shape-mismatch`; `unsupported` for 16 bits and for scales along another axis;
  ///   `invalid-data` for a bias or a sum that might not fit into 32 bits.
  public func matmul(
    _ b: QuantizedTensor, bias: Tensor<Float>? = nil, to y: AffineGrid,
    on pool: ThreadPool = .single
  ) throws(Diagnostic) -> QuantizedTensor {
    let operands = try ProductOperands(self, b, channelAxis: b.shape.count - 1)
    return try matmul(b, operands, bias: bias.map(operands.biasCodes), to: y, pool)
  }

  /// The same with the codes of a bias, on the scale `sa·sb` of the sums.
  /// - Throws: as with a bias of real numbers.
  public func matmul(
    _ b: QuantizedTensor, biasCodes: Tensor<Int32>, to y: AffineGrid,
    on pool: ThreadPool = .single
  ) throws(Diagnostic) -> QuantizedTensor {
    let operands = try ProductOperands(self, b, channelAxis: b.shape.count - 1)
    return try matmul(b, operands, bias: biasCodes, to: y, pool)
  }

  private func matmul(
    _ b: QuantizedTensor, _ operands: ProductOperands, bias: Tensor<Int32>?, to y: AffineGrid,
    _ pool: ThreadPool
  ) throws(Diagnostic) -> QuantizedTensor {
    let product = try BatchedProduct(shape, b.shape)
    let result = try QuantizationParameters(y)
    let rule = try ProductRule(operands, to: y, channels: product.n)
    try checkBiasShape(bias, channels: product.n)
    let matrix = product.k * product.n
    try operands.checkSums(of: product.k, bias: bias) { $0 / matrix * product.n + $0 % product.n }
    let sums = product.sums(
      codes, aZero: rule.inputZero, b.codes, bZeros: rule.weightZeros, bias: bias?.elements, pool)
    let requantized = AnyTensor(y.grid.container, shape: product.shape) { target in
      IntegerProduct.requantize(
        rows: product.rows, columns: product.n, sums: TensorView(sums),
        multipliers: rule.multipliers, zero: rule.resultZero, range: rule.range, to: target)
    }
    return QuantizedTensor(unchecked: requantized, result)
  }
}

/// - Throws: `shape-mismatch` for a bias that has not one element a channel.
func checkBiasShape(_ bias: Tensor<Int32>?, channels: Int) throws(Diagnostic) {
  guard let bias, bias.shape != [channels] else { return }
  throw Diagnostic(
    .shapeMismatch, "the bias has shape \(bias.shape), expected [\(channels)]",
    hint: "one element for each channel of the result")
}
