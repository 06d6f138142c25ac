public import QATCore
public import QATKernels

/// An 8-bit code: `UInt8` or `Int8`.
public protocol ByteCode: TensorScalar, FixedWidthInteger {}
extension UInt8: ByteCode {}
extension Int8: ByteCode {}

extension Primitives {
  /// `bias[j] + Σ (a[i][l] - zeroPoint)·(b[l][j] - zeroPoints[j])` modulo 2³², batched as NumPy's
  /// `matmul` (ONNX MatMulInteger).
  ///
  /// - Parameters:
  ///   - zeroPoints: of `b`: one, or one a column. - bias: one a column.
  /// - Throws: `shape-mismatch`.
  public static func multiply<A: ByteCode, B: ByteCode>(
    _ a: Tensor<A>, zeroPoint: A = 0, _ b: Tensor<B>, zeroPoints: [B] = [0],
    bias: Tensor<Int32>? = nil, on pool: ThreadPool = .single
  ) throws(Diagnostic) -> Tensor<Int32> {
    let product = try BatchedProduct(a.shape, b.shape)
    guard [1, product.n].contains(zeroPoints.count) else {
      throw Diagnostic(
        .shapeMismatch, "\(zeroPoints.count) zero points for \(product.n) columns",
        hint: "give one, or one a column")
    }
    try checkBiasShape(bias, channels: product.n)
    let zeros =
      zeroPoints.allSatisfy { $0 == 0 }
      ? nil : (0..<product.n).map { Int32(zeroPoints[zeroPoints.count == 1 ? 0 : $0]) }
    let sums = product.sums(
      AnyTensor(a), aZero: Int32(zeroPoint), AnyTensor(b), bZeros: zeros, bias: bias?.elements, pool
    )
    return Tensor(shape: product.shape, sums.elements() ?? [])
  }

  /// The codes of sums: `saturate(rint(f32(sum)·multiplier) + zeroPoint)`, on the grid of `y`; its
  /// scale is inside the multipliers already (`requantizationMultiplier`).
  ///
  /// - Parameter multipliers: one, or one for each index of the last axis.
  /// - Throws: `shape-mismatch`; `type-mismatch` where the grid's codes are no `Code`s.
  public static func requantize<Code: ByteCode>(
    _ sums: Tensor<Int32>, multipliers: [Float], to y: AffineGrid, as: Code.Type = Code.self
  ) throws(Diagnostic) -> Tensor<Code> {
    let columns = multipliers.count == 1 ? sums.count : sums.shape.last ?? 1
    guard multipliers.count == 1 || multipliers.count == columns else {
      throw Diagnostic(
        .shapeMismatch, "\(multipliers.count) multipliers for sums of shape \(sums.shape)",
        hint: "give one, or one for each index of the last axis")
    }
    try y.validate()
    guard y.grid.container == Code.elementType else {
      throw Diagnostic(
        .typeMismatch,
        "codes of \(y.grid) are \(y.grid.container.name), not "
          + Code.elementType.name)
    }
    let codes = AnyTensor(Code.elementType, shape: sums.shape) { target in
      IntegerProduct.requantize(
        rows: columns == 0 ? 0 : sums.count / columns, columns: columns,
        sums: TensorView(AnyTensor(sums)), multipliers: multipliers, zero: Int32(y.zeroPoint),
        range: y.grid.codeRange, to: target)
    }
    return Tensor(shape: sums.shape, codes.elements() ?? [])
  }
}
