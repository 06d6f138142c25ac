import QATCore

/// Transposed convolution: what `Conv` with the same attributes does to gradients of its input.
///
///     y[n, m, o*stride - pad + k*dilation] += x[n, c, o] * w[c, m, k]   (within a group)
///     y[n, m, ...] += b[m]
///
/// - Operands: `x` float[N, C, spatial...]; `w` float[C, M/group, kernel...]; `b` float[M],
///   optional.
/// - Result: float[N, M, spatial...], of the size
///   `stride*(in - 1) + output_padding + (kernel - 1)*dilation + 1 - pads` or `output_shape`.
/// - Attributes: those of `Conv`, `output_padding`, `output_shape` (which then sets the padding).
public struct ConvTranspose: Operation {
  public static let name: OpName = "ConvTranspose"
  public static let operands: [OperandSpec] = [.float("x"), .float("w"), .float("b", .optional)]
  public static let attributes: [Attribute<Self>] = [
    .init("auto_pad", \.window.autoPad), .init("dilations", \.window.dilations),
    .init("group", \.group), .init("kernel_shape", \.window.kernelShape),
    .init("output_padding", \.outputPadding), .init("output_shape", \.outputShape),
    .init("pads", \.window.pads), .init("strides", \.window.strides),
  ]

  /// Kernel, strides, dilations and padding.
  public var window = WindowAttributes()
  /// Parts that channels are split into, each convolved by itself.
  public var group = 1
  /// Added to one side of each spatial axis of the result.
  public var outputPadding: [Int] = []
  /// The spatial sizes of the result.
  public var outputShape: [Int] = []

  public init() {}
  /// The operation over these windows.
  public init(
    _ window: WindowAttributes, group: Int = 1, outputPadding: [Int] = [], outputShape: [Int] = []
  ) {
    self.window = window
    self.group = group
    self.outputPadding = outputPadding
    self.outputShape = outputShape
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape
    let w = operands[1].knownShape
    try checkConvolutionRanks(x, w)
    try checkGroup(group, channels: x[1], weights: w)
    if let input = x[1].size, let weights = w[0].size, input != weights {
      throw Diagnostic(
        .shapeMismatch, "x has \(input) channels, but w \(w) takes \(weights)",
        hint: "the weights of ConvTranspose are [C, M/group, kernel...]")
    }
    let channels = w[1] * Dimension(group)
    try checkBias(operands.optional(2), channels: channels)
    let kernel = try window.kernel(ofWeights: Array(w.dimensions.dropFirst(2)))
    let spatial = try window.transposedDimensions(
      Array(x.dimensions.dropFirst(2)), kernel: kernel, outputPadding: outputPadding,
      outputShape: outputShape)
    return [TensorType(operands[0].element, Shape([x[0], channels] + spatial))]
  }
}

extension ConvTranspose: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let dy = call.seed
    let x = call.operand(0)
    let w = call.operand(1)
    return [
      call.needs(0) ? builder.emit(ConvTransposeInputGradient(self), [dy, w, x]) : nil,
      call.needs(1) ? builder.emit(ConvTransposeWeightGradient(self), [dy, x, w]) : nil,
      call.needs(2) ? builder.emit(ChannelSum(), [dy]) : nil,
    ]
  }
}
