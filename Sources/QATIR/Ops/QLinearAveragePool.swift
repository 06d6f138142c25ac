import QATCore

/// The mean of each window of a tensor of codes: dequantized, summed in window order, divided by
/// the count, and `saturate(rint(mean / y_scale + y_zero_point))`.
///
/// - Operands: `X` i8 or u8 [N, C, spatial...] ([N, spatial..., C] with `channels_last`); scales
///   f32 []; zero points [], optional (0).
/// - Result: of the type of `X`.
/// - Attributes: those of `AveragePool` without dilations; `channels_last`.
public struct QLinearAveragePool: Operation {
  public static let name: OpName = "com.microsoft.QLinearAveragePool"
  public static let operands = quantizedUnaryOperands
  public static let attributes: [Attribute<Self>] = [
    .init("auto_pad", \.window.autoPad), .init("ceil_mode", \.ceilMode),
    .init("channels_last", \.channelsLast), .init("count_include_pad", \.countIncludePad),
    .init("kernel_shape", \.window.kernelShape), .init("pads", \.window.pads),
    .init("strides", \.window.strides),
  ]

  /// Kernel, strides, dilations and padding.
  public var window = WindowAttributes()
  /// Whether the last window may reach beyond the padding.
  public var ceilMode = false
  /// Whether channels lie on the last axis.
  public var channelsLast = false
  /// Whether padding counts in the averages.
  public var countIncludePad = false

  public init() {}
  /// The operation over these windows.
  public init(_ window: WindowAttributes, ceilMode: Bool = false, countIncludePad: Bool = false) {
    self.window = window
    self.ceilMode = ceilMode
    self.countIncludePad = countIncludePad
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkQuantizedUnary(operands)
    let pool = AveragePool(window, ceilMode: ceilMode, countIncludePad: countIncludePad)
    return [try pooled(operands[0], by: pool, channelsLast: channelsLast)]
  }
}

/// The type that a pooling over [N, C, spatial...] gives codes, whose channels may come last.
func pooled(
  _ x: TensorType, by pool: some Operation, channelsLast: Bool
) throws(Diagnostic) -> TensorType {
  var shape = x.knownShape
  if channelsLast, shape.rank > 2 {
    shape.dimensions.insert(shape.dimensions.removeLast(), at: 1)
  }
  shape = try pool.resultTypes(Operands([.init(TensorType(x.element, shape))]))[0].knownShape
  if channelsLast { shape.dimensions.append(shape.dimensions.remove(at: 1)) }
  return TensorType(x.element, shape)
}
