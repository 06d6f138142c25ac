import QATCore

/// The gradient of `ConvTranspose` with respect to its weights.
///
///     dw[c, m, k] = sum over n, o of dy[n, m, o*stride - pad + k*dilation] * x[n, c, o]
///
/// - Operands: `dy` float[N, M, ...]; `x`, the input; `w`, the weights, for the shape.
/// - Result: the type of `w`.
/// - Attributes: those of `ConvTranspose`.
public struct ConvTransposeWeightGradient: Operation {
  public static let name: OpName = "qat.ConvTransposeWeightGradient"
  public static let operands: [OperandSpec] = [.float("dy"), .float("x"), .float("w")]
  public static let results: [ResultSpec] = ["dw"]
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
    try checkSeed(operands[0], of: forward, [operands[1], operands[2]])
    return [operands[2]]
  }
}
