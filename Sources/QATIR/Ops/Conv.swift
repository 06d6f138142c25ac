import QATCore

/// Convolution (cross-correlation) over any number of spatial axes.
///
///     y[n, m, o] = b[m] + sum over c, k of x[n, g*C/group + c, i] * w[m, c, k]
///     i = o*stride - pad + k*dilation
///
/// where g is the group of channel m and positions outside x count as 0.
///
/// - Operands: `x` float[N, C, spatial...]; `w` float[M, C/group, kernel...]; `b` float[M],
///   optional.
/// - Result: float[N, M, spatial...].
/// - Attributes: `auto_pad`, `dilations`, `group`, `kernel_shape`, `pads`, `strides`.
public struct Conv: ConvolutionOperation {
  public static let name: OpName = "Conv"
  public static let operands: [OperandSpec] = [.float("x"), .float("w"), .float("b", .optional)]
  public static let attributes = convolutionAttributes

  public var window = WindowAttributes()
  public var group = 1

  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape
    let w = operands[1].knownShape
    try checkConvolutionRanks(x, w)
    try checkGroup(group, channels: x[1], weights: w)
    if let input = x[1].size, let weights = w[1].size, input != weights * group {
      throw Diagnostic(
        .shapeMismatch,
        "x has \(input) channels, but w \(w) takes \(weights)"
          + (group == 1 ? "" : " in each of \(group) groups"),
        hint: input % weights == 0 ? "group = \(input / weights) would fit" : nil)
    }
    try checkBias(operands.optional(2), channels: w[0])
    let kernel = try window.kernel(ofWeights: Array(w.dimensions.dropFirst(2)))
    let spatial = try window.outputDimensions(Array(x.dimensions.dropFirst(2)), kernel: kernel)
    return [TensorType(operands[0].element, Shape([x[0], w[0]] + spatial))]
  }
}

/// Checks that input and weights of a convolution have the same rank, with a spatial axis at least.
func checkConvolutionRanks(_ x: Shape, _ w: Shape) throws(Diagnostic) {
  guard x.rank >= 3 else {
    throw Diagnostic(
      .shapeMismatch, "x has shape \(x), expected a batch, channels and spatial axes",
      hint: "insert an Unsqueeze")
  }
  guard w.rank == x.rank else {
    throw Diagnostic(.shapeMismatch, "w has rank \(w.rank), x has rank \(x.rank)")
  }
}

/// Checks that a group count divides the input's channels and the first dimension of the weights.
func checkGroup(_ group: Int, channels: Dimension, weights w: Shape) throws(Diagnostic) {
  guard group >= 1 else {
    throw Diagnostic(.invalidAttribute, "group \(group) is not positive")
  }
  for (what, size) in [("the channels of x", channels.size), ("the first axis of w", w[0].size)] {
    guard let size, size % group != 0 else { continue }
    throw Diagnostic(
      .shapeMismatch, "group \(group) does not divide \(what), \(size)",
      hint: "set `group` to a divisor of \(size)")
  }
  if let size = w[1].size, !(1...(1 << 30)).contains(size) || group > 1 << 30 {
    throw Diagnostic(.shapeMismatch, "w has shape \(w): no channels, or too many")
  }
}

/// Checks that a bias, where there is one, has one element for each of the result's channels.
func checkBias(_ bias: TensorType?, channels: Dimension) throws(Diagnostic) {
  guard let shape = bias?.shape else { return }
  guard shape.rank == 1, shape[0].size == nil || channels.size == nil || shape[0] == channels else {
    throw Diagnostic(.shapeMismatch, "b has shape \(shape), expected [\(channels)]")
  }
}

extension Conv: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let dy = call.seed
    let x = call.operand(0)
    let w = call.operand(1)
    return [
      call.needs(0) ? builder.emit(ConvInputGradient(window, group: group), [dy, w, x]) : nil,
      call.needs(1) ? builder.emit(ConvWeightGradient(window, group: group), [dy, x, w]) : nil,
      call.needs(2) ? builder.emit(ChannelSum(), [dy]) : nil,
    ]
  }
}
