public import QATCore
import QATIR
import QATKernels

extension QuantizedTensor {
  /// The same numbers on other grids or scales: dequantize, then quantize (also QLinearConcat's rule).
  /// - Throws: `shape-mismatch` for parameters of another shape.
  public func requantized(
    to parameters: QuantizationParameters
  ) throws(Diagnostic) -> QuantizedTensor {
    if parameters == self.parameters { return self }
    return try QuantizedTensor(quantizing: dequantized(), parameters)
  }

  /// The same numbers on one grid for the whole tensor.
  /// - Throws: `invalid-option` for a scale or zero point that can't be one.
  public func requantized(to y: AffineGrid) throws(Diagnostic) -> QuantizedTensor {
    try requantized(to: QuantizationParameters(y))
  }

  /// `max(x, 0)` by a table.
  /// - Parameter y: the grid of the result; that of the tensor where `nil`.
  /// - Throws: as `mapped`.
  public func relu(to y: AffineGrid? = nil) throws(Diagnostic) -> QuantizedTensor {
    let own = try byteGrid()
    return try mapped(to: y ?? own) { $0 > 0 ? $0 : 0 }
  }

  /// `1/(1 + e⁻ˣ)` by a table, by the rule of QLinearSigmoid.
  ///
  /// - Parameter y: the grid of the result; where `nil`, 8 bits, signed as the tensor is, with scale
  ///   1/256 and the lowest code as zero point: 0...1.
  /// - Throws: as `mapped`.
  public func sigmoid(to y: AffineGrid? = nil) throws(Diagnostic) -> QuantizedTensor {
    let unit = parameters.grid.isSigned ? IntegerGrid.int8 : .uint8
    return try mapped(
      to: y ?? AffineGrid(scale: 1.0 / 256, zeroPoint: unit.min, grid: unit), rationalLogistic)
  }

  /// The hyperbolic tangent by a table: dequantize, tanh, quantize.
  ///
  /// - Parameter y: the grid of the result; where `nil`, 8 bits, signed as the tensor is, with scale
  ///   1/128 and the middle code as zero point: -1...1.
  /// - Throws: as `mapped`.
  public func tanh(to y: AffineGrid? = nil) throws(Diagnostic) -> QuantizedTensor {
    let isSigned = parameters.grid.isSigned, op = Tanh()
    let symmetric = AffineGrid(
      scale: 1.0 / 128, zeroPoint: isSigned ? 0 : 128, grid: isSigned ? .int8 : .uint8)
    return try mapped(to: y ?? symmetric) { op.value($0) }
  }

  /// Any function of one number, by a table of all codes: dequantize, `f`, quantize.
  ///
  /// NaN takes the zero point, as in ONNX QuantizeLinear.
  /// - Throws: `unsupported` for scales per channel and for 16 bits, `invalid-option` for a grid that
  ///   can't be one.
  public func mapped(
    to y: AffineGrid, _ f: (Float) -> Float
  ) throws(Diagnostic) -> QuantizedTensor {
    let grid = try byteGrid(), result = try QuantizationParameters(y)
    guard y.grid.container.bitWidth == 8 else {
      throw Diagnostic(
        .unsupported, "a table to codes of type \(y.grid.container.name)",
        hint: "use at most 8 bits")
    }
    let table = QuantizedTable(from: grid, to: y, f)
    // Bytes are indices by their bit patterns; those that are no codes of the grid never occur.
    var bytes = Array(repeating: UInt8(0), count: 256)
    for code in grid.grid.min...grid.grid.max {
      bytes[Int(UInt8(truncatingIfNeeded: code))] = UInt8(truncatingIfNeeded: table[code])
    }
    let found = AnyTensor(y.grid.container, shape: shape) { target in
      CodeLoops.lookUp(TensorView(codes), table: bytes, target)
    }
    return QuantizedTensor(unchecked: found, result)
  }
}
