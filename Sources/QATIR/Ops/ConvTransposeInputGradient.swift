import QATCore

/// The gradient of `ConvTranspose` with respect to its input.
///
///     dx[n, c, o] = sum over m, k of dy[n, m, o*stride - pad + k*dilation] * w[c, m, k]
///
/// - Operands: `dy` float[N, M, ...]; `w`, the weights; `x`, the input, for the shape.
/// - Result: the type of `x`.
/// - Attributes: those of `ConvTranspose`.
public struct ConvTransposeInputGradient: Operation {
  public static let name: OpName = "qat.ConvTransposeInputGradient"
  public static let operands: [OperandSpec] = [.float("dy"), .float("w"), .float("x")]
  public static let results: [ResultSpec] = ["dx"]
  public static let attributes: [Attribute<Self>] = [
    .init("auto_pad", \.forward.window.autoPad), .init("dilations", \.forward.window.dilations),
    .init("group", \.forward.group), .init("kernel_shape", \.forward.window.kernelShape),
    .init("output_padding", \.forward.outputPadding),
    .init("output_shape", \.forward.outputShape),
    .init("pads", \.forward.window.pads), .init("strides", \.forward.window.strides),
  ]

  /// The operation that this is the gradient of.
  public var forward = ConvTranspose()

  public init() {}
  /// The gradient of that operation.
  public init(_ forward: ConvTranspose) { self.forward = forward }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkSeed(operands[0], of: forward, [operands[2], operands[1]])
    return [operands[2]]
  }
}
