import QATCore

/// Quantizes a tensor to u8 with the scale and zero point that its own range asks for.
///
///     scale = (max(0, max x) - min(0, min x)) / 255
///     zero_point = rint(clamp(-min / scale, 0, 255))
///
/// - Operand: `x` f32[...].
/// - Results: `y` u8 shaped like `x`; `y_scale` f32[]; `y_zero_point` u8[].
public struct DynamicQuantizeLinear: Operation {
  public static let name: OpName = "DynamicQuantizeLinear"
  public static let operands: [OperandSpec] = [.f32("x")]
  public static let results: [ResultSpec] = ["y", "y_scale", "y_zero_point"]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    [TensorType(.u8, operands[0].knownShape), TensorType(.f32, []), TensorType(.u8, [])]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] { [.u8, .f32, .u8] }
}
