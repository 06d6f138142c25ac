import QATCore

/// The gradient of `AveragePool`.
///
/// `dy`, divided by the number of elements its window counts, goes to each.
///
/// - Operands: `dy` float, shaped like the result; `x` float[N, C, spatial...], the input.
/// - Result: the type of `x`.
/// - Attributes: those of `AveragePool`.
public struct AveragePoolGradient: Operation {
  public static let name: OpName = "qat.AveragePoolGradient"
  public static let operands: [OperandSpec] = [.float("dy"), .float("x")]
  public static let results: [ResultSpec] = ["dx"]
  public static let attributes: [Attribute<Self>] = [
    .init("auto_pad", \.forward.window.autoPad), .init("ceil_mode", \.forward.ceilMode),
    .init("count_include_pad", \.forward.countIncludePad),
    .init("dilations", \.forward.window.dilations),
    .init("kernel_shape", \.forward.window.kernelShape),
    .init("pads", \.forward.window.pads), .init("strides", \.forward.window.strides),
  ]

  /// The operation that this is the gradient of.
  public var forward = AveragePool()

  public init() {}
  /// The gradient of that operation.
  public init(_ forward: AveragePool) { self.forward = forward }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkSeed(operands[0], of: forward, [operands[1]])
    return [operands[1]]
  }
}
