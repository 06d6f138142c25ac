import QATCore

/// The largest code of each window of images whose channels come last; padding never wins.
///
/// - Operand: `x` i8 or u8 [N, spatial..., C].
/// - Result: [N, spatial..., C].
/// - Attributes: those of `MaxPool`.
public struct NhwcMaxPool: Operation {
  public static let name: OpName = "com.microsoft.NhwcMaxPool"
  public static let operands: [OperandSpec] = [.codes8("x", as: "T")]
  public static let attributes: [Attribute<Self>] = [
    .init("auto_pad", \.window.autoPad), .init("ceil_mode", \.ceilMode),
    .init("dilations", \.window.dilations), .init("kernel_shape", \.window.kernelShape),
    .init("pads", \.window.pads), .init("strides", \.window.strides),
  ]

  public var window = WindowAttributes()
  public var ceilMode = false

  public init() {}
  public init(_ op: MaxPool) {
    window = op.window
    ceilMode = op.ceilMode
  }

  /// The same computation on [N, C, spatial...].
  public var channelsFirst: MaxPool { MaxPool(window, ceilMode: ceilMode) }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = Operands([.init(operands[0].channelsFirst)])
    return [try channelsFirst.resultTypes(x)[0].channelsLast]
  }
}
