import QATCore

/// The gradient of `MaxPool`.
///
/// `dy` goes to the winner of its window, the first of equals.
///
/// - Operands: `dy` float, shaped like the result; `x` float[N, C, spatial...], the input.
/// - Result: the type of `x`.
/// - Attributes: those of `MaxPool`.
public struct MaxPoolGradient: Operation {
  public static let name: OpName = "qat.MaxPoolGradient"
  public static let operands: [OperandSpec] = [.float("dy"), .float("x")]
  public static let results: [ResultSpec] = ["dx"]
  public static let attributes: [Attribute<Self>] = [
    .init("auto_pad", \.forward.window.autoPad), .init("ceil_mode", \.forward.ceilMode),
    .init("storage_order", \.forward.storageOrder), .init("dilations", \.forward.window.dilations),
    .init("kernel_shape", \.forward.window.kernelShape),
    .init("pads", \.forward.window.pads), .init("strides", \.forward.window.strides),
  ]

  /// The operation that this is the gradient of.
  public var forward = MaxPool()

  public init() {}
  /// The gradient of that operation.
  public init(_ forward: MaxPool) { self.forward = forward }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkSeed(operands[0], of: forward, [operands[1]])
    return [operands[1]]
  }
}
