import QATCore

/// The mean of each channel of a tensor of codes over all n spatial positions:
/// `y = saturate(rint(f32(sum (x - x_zero_point)) * (x_scale / (y_scale * n))) + y_zero_point)`.
///
/// - Operands: `X` i8 or u8 [N, C, spatial...] ([N, spatial..., C] with `channels_last`); scales
///   f32 and zero points [].
/// - Result: of the type of `X`, sizes 1 in place of the spatial ones.
/// - Attributes: `channels_last`.
public struct QLinearGlobalAveragePool: Operation {
  public static let name: OpName = "com.microsoft.QLinearGlobalAveragePool"
  public static let operands: [OperandSpec] = [
    .codes8("X", as: "T"), .f32("x_scale"), .codes8("x_zero_point", as: "T"),
    .f32("y_scale"), .codes8("y_zero_point", as: "T"),
  ]
  public static let attributes: [Attribute<Self>] = [.init("channels_last", \.channelsLast)]

  /// Whether channels lie on the last axis.
  public var channelsLast = false
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkQuantizedUnary(operands)
    return [try pooled(operands[0], by: GlobalAveragePool(), channelsLast: channelsLast)]
  }
}
