import QATCore

/// Softmax of codes to codes. ONNX Runtime truncates `1 / y_scale` to a whole number: the scale to
/// use is 1/256 with the lowest code as zero point (see `QuantizedSoftmax`).
///
/// - Operands: `X` i8 or u8 [...]; `X_scale` f32[]; `x_zero_point` [], optional, of no effect;
///   `y_scale` f32[]; `y_zero_point` [].
/// - Result: the type of `X`.
/// - Attributes: `axis`; `opset`, required: from 13 on the sum goes along `axis`, before over it
///   and all axes behind it.
public struct QLinearSoftmax: Operation {
  public static let name: OpName = "com.microsoft.QLinearSoftmax"
  public static let operands: [OperandSpec] = [
    .codes8("X", as: "T"), .f32("X_scale"), .codes8("x_zero_point", as: "T", .optional),
    .f32("y_scale"), .codes8("y_zero_point", as: "T"),
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("axis", \.axis), .init("opset", \.opset),
  ]

  /// The axis; negative ones count from the back.
  public var axis = -1
  /// The version of ONNX's Softmax that is meant; required, so it has no default.
  public var opset: Int? = nil

  public init() {}
  public init(axis: Int, opset: Int = 13) {
    self.axis = axis
    self.opset = opset
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkQuantizedUnary(operands)
    guard opset != nil else {
      throw Diagnostic(
        .invalidAttribute, "\(Self.name) needs the attribute `opset`", hint: "set opset = 13")
    }
    _ = try checkedAxis(axis, rank: operands[0].knownShape.rank)
    return [operands[0]]
  }
}
