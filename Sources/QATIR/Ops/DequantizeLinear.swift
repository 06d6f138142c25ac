import QATCore

/// The real numbers that codes stand for: `y = (x - x_zero_point) * x_scale`, in float32, rounded to
/// the type of the result.
///
/// - Operands: `x` codes, narrow floats or i32; `x_scale` [] or [1], [C] along `axis`, or in blocks, as for
///   `QuantizeLinear`; `x_zero_point`, optional, of the type of `x`, shaped like the scale.
/// - Result: shaped like `x`, of the type of the scale or of `output_dtype` (an ONNX type number).
/// - Attributes: `axis`, `block_size` (0: no blocks), `output_dtype` (0: not given).
public struct DequantizeLinear: Operation {
  public static let name: OpName = "DequantizeLinear"
  public static let operands: [OperandSpec] = [
    OperandSpec("x", .quantized.union([.i32]), as: "T"), OperandSpec("x_scale", .blockScales),
    OperandSpec("x_zero_point", .quantized.union([.i32]), as: "T", .optional),
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("axis", \.axis), .init("block_size", \.blockSize), .init("output_dtype", \.outputDtype),
  ]

  /// The axis; negative ones count from the back.
  public var axis = 1
  /// Neighbours along the axis that share a scale; 0 for none.
  public var blockSize = 0
  /// The element type of the result, as ONNX's number; 0 for what the operands say.
  public var outputDtype = 0

  public init() {}
  public init(axis: Int = 1, blockSize: Int = 0) {
    self.axis = axis
    self.blockSize = blockSize
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkLinear(operands, axis: axis, blockSize: blockSize)
    guard outputDtype == 0 || ElementType(rawValue: outputDtype).map(Set.scales.contains) == true
    else {
      throw Diagnostic(.invalidAttribute, "output_dtype \(outputDtype) is no float type")
    }
    guard outputDtype != 0 || operands[1].element != .f8e8m0 else {
      throw Diagnostic(
        .invalidAttribute, "x_scale is f8e8m0, which no result can be",
        hint: "set `output_dtype`")
    }
    return [TensorType(resultElements(operands)[0], operands[0].knownShape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    [ElementType(rawValue: outputDtype) ?? operands.optional(1)?.element ?? .f32]
  }
}
