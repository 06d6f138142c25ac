import QATCore

/// The gradient of a fake-quantizer whose mask was kept: `dx = dy` where the bit is set, else 0.
///
/// - Operands: `dy` f32[...]; `mask` u8[ceil(count/8)], as `qat.QuantizeWithMask` makes it.
/// - Result: the type of `dy`.
public struct ApplyMask: Operation {
  public static let name: OpName = "qat.ApplyMask"
  public static let operands: [OperandSpec] = [
    .f32("dy"), OperandSpec("mask", [.u8]),
  ]
  public static let results: [ResultSpec] = ["dx"]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    if let count = operands[0].knownShape.elementCount.size,
      let bytes = operands[1].knownShape.elementCount.size, bytes != (count + 7) / 8
    {
      throw Diagnostic(
        .shapeMismatch, "mask has \(bytes) bytes, expected one bit for each of \(count) elements")
    }
    return [operands[0]]
  }
}
