import QATCore

/// The numbers that the codes of `qat.QuantizeWithMask` stand for: `x = (q - zero_point) * scale`.
///
/// - Operands: `q` i8 or u8[...]; `scale` f32 [] or [C]; `zero_point` i32, shaped like `scale`.
/// - Result: f32, shaped like `q`.
/// - Attribute: `axis`, the channel axis of `q` (absent: one scale).
public struct DequantizeCodes: Operation {
  public static let name: OpName = "qat.DequantizeCodes"
  public static let operands: [OperandSpec] = [
    .codes8("q", as: "T"), .f32("scale"), .i32("zero_point"),
  ]
  public static let attributes: [Attribute<Self>] = [.init("axis", \.axis)]

  /// The channel axis of `q`, or `nil` for one scale per tensor.
  public var axis: Int? = nil

  public init() {}
  /// The inverse of a quantizer.
  public init(axis: Int?) { self.axis = axis }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkParameters(
      operands, Self.operands, 1, 2, of: operands[0].knownShape, axis: axis)
    return [TensorType(.f32, operands[0].knownShape)]
  }

  public func resultElements(_: Operands) -> [ElementType] { [.f32] }
}
