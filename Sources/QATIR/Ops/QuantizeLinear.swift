import QATCore

/// Codes of real numbers.
///
///     y = saturate(roundHalfToEven(x / y_scale) + y_zero_point)        to integers
///     y = x / y_scale + y_zero_point, rounded to the type              to narrow floats
///
/// Divided in float32, as ONNX Runtime does whatever the types; `precision` may ask for a quotient that
/// is rounded to 16 bits first.
///
/// - Operands: `x` of any shape; `y_scale` [] or [1] (one for all), [C] (one for each index along
///   `axis`), or the shape of `x` with `ceil(D/block_size)` along `axis`; `y_zero_point`, optional,
///   shaped like the scale, of the type of the result.
/// - Result: shaped like `x`; u8 where neither zero point nor `output_dtype` says otherwise.
/// - Attributes: `axis`, `block_size` (0: no blocks), `output_dtype` and `precision` (ONNX type
///   numbers; 0: not given), `saturate` (float8 only).
public struct QuantizeLinear: Operation {
  public static let name: OpName = "QuantizeLinear"
  public static let operands: [OperandSpec] = [
    OperandSpec("x", .scales.union([.i32])), OperandSpec("y_scale", .blockScales.union([.i32])),
    OperandSpec("y_zero_point", .quantized, as: nil, .optional),
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("axis", \.axis), .init("block_size", \.blockSize), .init("output_dtype", \.outputDtype),
    .init("precision", \.precision), .init("saturate", \.saturate),
  ]

  /// The axis; negative ones count from the back.
  public var axis = 1
  /// Neighbours along the axis that share a scale; 0 for none.
  public var blockSize = 0
  /// The element type of the result, as ONNX's number; 0 for what the operands say.
  public var outputDtype = 0
  /// The element type that quotients are rounded to, as ONNX's number; 0 for f32.
  public var precision = 0
  /// Whether numbers beyond a float8 take its largest; of float8 alone.
  public var saturate = true

  public init() {}
  /// Quantizes along an axis, in blocks where there are some, to a type where one is given.
  public init(axis: Int = 1, blockSize: Int = 0, output: ElementType? = nil) {
    self.axis = axis
    self.blockSize = blockSize
    outputDtype = output?.rawValue ?? 0
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkLinear(operands, axis: axis, blockSize: blockSize)
    let zeroPoint = operands.optional(2)?.element
    guard outputDtype == 0 || ElementType(rawValue: outputDtype).map(Set.quantized.contains) == true
    else { throw Diagnostic(.invalidAttribute, "output_dtype \(outputDtype) is no type of codes") }
    guard precision == 0 || ElementType(rawValue: precision).map(Set.scales.contains) == true else {
      throw Diagnostic(
        .invalidAttribute, "precision \(precision) is no type to divide in",
        hint: "use 1 (f32), 10 (f16) or 16 (bf16)")
    }
    if let zeroPoint, outputDtype != 0, outputDtype != zeroPoint.rawValue {
      throw Diagnostic(
        .invalidAttribute, "output_dtype is not the type of y_zero_point, \(zeroPoint.name)")
    }
    return [TensorType(resultElements(operands)[0], operands[0].knownShape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    [operands.optional(2)?.element ?? ElementType(rawValue: outputDtype) ?? .u8]
  }
}

/// Checks the shapes of a scale (operand 1) and a zero point (operand 2) against those of operand
/// 0.
func checkLinear(_ operands: Operands, axis: Int, blockSize: Int) throws(Diagnostic) {
  guard blockSize >= 0 else {
    throw Diagnostic(.invalidAttribute, "block_size \(blockSize) is negative")
  }
  let shape = operands[0].knownShape
  let scale = operands[1].knownShape
  if let zeroPoint = operands.optional(2)?.shape,
    !(isOneNumber(zeroPoint) && isOneNumber(scale)),
    zeroPoint.rank != scale.rank
      || zip(zeroPoint.dimensions, scale.dimensions).contains(where: {
        $0.size != nil && $1.size != nil && $0 != $1
      })
  {
    throw Diagnostic(.shapeMismatch, "the zero point has shape \(zeroPoint), the scale \(scale)")
  }
  guard let sizes = shape.sizes, let parameters = scale.sizes else { return }
  _ = try Granularity(shape: sizes, parameterShape: parameters, axis: axis, blockSize: blockSize)
}

/// `[]` or `[1]`, which files mix.
private func isOneNumber(_ shape: Shape) -> Bool {
  shape.rank == 0 || shape.rank == 1 && shape[0].size == 1
}
