public import QATCore
import QATIR
import QATKernels

extension QuantizedTensor {
  /// The sum, broadcast by NumPy's rule, by the rule of QLinearAdd: scales may differ.
  ///
  ///     c = saturate(rint(fma(a, sa/sc, fma(b, sb/sc, zc - fma(sa/sc, za, (sb/sc)·zb)))))
  ///
  /// - Throws: `shape-mismatch`; `type-mismatch` where the three types of codes differ;
  ///   `unsupported` for scales per channel and for 16 bits.
  public func adding(_ b: QuantizedTensor, to c: AffineGrid) throws(Diagnostic) -> QuantizedTensor {
    let isSwapped = quantizedSumSwapsOperands(shape, b.shape)
    let (first, second) = isSwapped ? (b, self) : (self, b)
    return try first.elementwise(second, c) { x, xGrid, y, yGrid, result, rows in
      CodeLoops.add(x, xGrid, y, yGrid, to: result, c, rows)
    }
  }

  /// The product of elements, broadcast by NumPy's rule, by the rule of QLinearMul.
  ///
  ///     c = saturate(rint(f32((a - za)·(b - zb))·((sa·sb)/sc) + zc))
  ///
  /// - Throws: as `adding`.
  public func multiplied(
    by b: QuantizedTensor, to c: AffineGrid
  ) throws(Diagnostic) -> QuantizedTensor {
    try elementwise(b, c) { x, xGrid, y, yGrid, result, rows in
      CodeLoops.multiply(x, xGrid, y, yGrid, to: result, c, rows)
    }
  }

  /// The same codes on a scale `factor` times as large: exact.
  /// - Throws: `invalid-option` for a factor that is not above 0, or leaves no usable scale.
  public func scaled(by factor: Float) throws(Diagnostic) -> QuantizedTensor {
    guard factor > 0 else {
      throw Diagnostic(
        .invalidOption, "the factor \(factor) is not above 0",
        hint: "`scaled(by:to:)` takes any finite factor")
    }
    let scaled = try QuantizationParameters(
      scales: parameters.scales.map { $0 * factor }, zeroPoints: parameters.zeroPoints,
      grid: parameters.grid, axis: parameters.axis, blockSize: parameters.blockSize)
    return QuantizedTensor(unchecked: codes, scaled)
  }

  /// The product with a number, rounded to a given grid: dequantize, multiply, quantize, by a table.
  /// - Throws: `invalid-option` for a factor that is not finite; as `mapped`.
  public func scaled(by factor: Float, to y: AffineGrid) throws(Diagnostic) -> QuantizedTensor {
    guard factor.isFinite else {
      throw Diagnostic(.invalidOption, "the factor is \(factor)", hint: "give a finite one")
    }
    return try mapped(to: y) { $0 * factor }
  }

  private typealias Loop = (
    TensorView, AffineGrid, TensorView, AffineGrid, MutableTensorView, BroadcastRows
  ) -> Void

  private func elementwise(
    _ b: QuantizedTensor, _ c: AffineGrid, _ loop: Loop
  ) throws(Diagnostic) -> QuantizedTensor {
    let grid = try byteGrid(), other = try b.byteGrid()
    let result = try QuantizationParameters(c)
    guard codes.element == b.codes.element, codes.element == c.grid.container else {
      throw Diagnostic(
        .typeMismatch,
        "codes of types \(codes.element.name) and \(b.codes.element.name) to "
          + c.grid.container.name, hint: "requantize so that all three are signed, or none is")
    }
    let shape = try broadcastShape([Shape(shape), Shape(b.shape)]).sizes ?? []
    let rows = BroadcastWalk([self.shape, b.shape], to: shape).rows
    let first = TensorView(codes), second = TensorView(b.codes)
    let combined = AnyTensor(c.grid.container, shape: shape) { target in
      loop(first, grid, second, other, target, rows)
    }
    return QuantizedTensor(unchecked: combined, result)
  }

  /// The one grid of 8-bit codes.
  /// - Throws: `unsupported`.
  func byteGrid() throws(Diagnostic) -> AffineGrid {
    guard codes.element.bitWidth == 8 else {
      throw Diagnostic(
        .unsupported, "codes of type \(codes.element.name) in integer arithmetic",
        hint: "requantize to at most 8 bits")
    }
    return try perTensor("an operand here")
  }
}
