public import QATCore
public import QATIR
public import QATKernels

extension QuantizedTensor {
  /// The two-dimensional convolution by the rule of QLinearConv; `self` is images [N, C, H, W].
  ///
  ///     acc = bias/(sx·sw) + Σ (x - zx)·(w - zw)                  exact, int32
  ///     y   = saturate(rint(f32(acc)·((sx·sw)/sy)) + zy)
  ///
  ///     let y = try x.conv2d(w, WindowAttributes(pads: [1, 1, 1, 1], strides: [2, 2]), to: grid)
  ///
  /// - Parameters:
  ///   - w: weights [M, C/groups, kernel height, kernel width], per tensor or with a scale per output
  ///     channel (axis 0).
  ///   - bias: [M]; rounded to int32 codes on the scale `sx·sw`.
  ///   - window: strides, dilations and pads (top, left, bottom, right), as ONNX has them.
  ///   - groups: parts of the channels that see nothing of each other; C for a depthwise convolution.
  /// - Returns: images [N, M, …].
  /// - Throws: `shape-mismatch`, `invalid-attribute`; `unsupported` for 16 bits and for scales along
  ///   another axis; `invalid-data` for a bias or a sum that might not fit into 32 bits.
  public func conv2d(
    _ w: QuantizedTensor, bias: Tensor<Float>? = nil, _ window: WindowAttributes = .init(),
    groups: Int = 1, to y: AffineGrid, on pool: ThreadPool = .single
  ) throws(Diagnostic) -> QuantizedTensor {
    let operands = try ProductOperands(self, w, channelAxis: 0)
    return try conv2d(
      w, operands, bias: bias.map(operands.biasCodes), window, groups, to: y, pool)
  }

  /// The same with the codes of a bias, on the scale `sx·sw` of the sums.
  /// - Throws: as with a bias of real numbers.
  public func conv2d(
    _ w: QuantizedTensor, biasCodes: Tensor<Int32>, _ window: WindowAttributes = .init(),
    groups: Int = 1, to y: AffineGrid, on pool: ThreadPool = .single
  ) throws(Diagnostic) -> QuantizedTensor {
    let operands = try ProductOperands(self, w, channelAxis: 0)
    return try conv2d(w, operands, bias: biasCodes, window, groups, to: y, pool)
  }

  private func conv2d(
    _ w: QuantizedTensor, _ operands: ProductOperands, bias: Tensor<Int32>?,
    _ window: WindowAttributes, _ groups: Int, to y: AffineGrid, _ pool: ThreadPool
  ) throws(Diagnostic) -> QuantizedTensor {
    let result = try QuantizationParameters(y)
    let sizes = try convolvedShape(shape, w.shape, window, groups: groups)
    try checkBiasShape(bias, channels: sizes[1])
    let rule = try ProductRule(operands, to: y, channels: sizes[1])
    let depth = w.shape.dropFirst().reduce(1, *)
    try operands.checkSums(of: depth, bias: bias) { $0 / depth }
    guard !sizes.contains(0), !shape.contains(0) else {
      return QuantizedTensor(
        unchecked: AnyTensor(y.grid.container, shape: sizes, integers: []), result)
    }
    guard
      let convolution = convolutionShape(window, group: groups, x: shape, w: w.shape, y: sizes)
    else {
      throw Diagnostic(
        .unsupported, "a convolution with pads \(window.pads)", hint: "crop the images first")
    }
    let kernel = IntegerConvolution(
      convolution, w: w.codes, weightZeros: rule.weightZeros, bias: bias?.elements,
      multipliers: rule.multipliers)
    let scratch = VariableBuffer(.u8, shape: [kernel.scratchByteCount(pool)])
    let convolved = AnyTensor(y.grid.container, shape: sizes) { target in
      kernel.codes(
        x: TensorView(codes), xZero: rule.inputZero, zero: rule.resultZero, range: rule.range,
        y: target, pool, scratch: scratch.view)
    }
    return QuantizedTensor(unchecked: convolved, result)
  }
}

/// The shape of a two-dimensional convolution's result.
/// - Throws: `shape-mismatch`, `invalid-attribute`.
func convolvedShape(
  _ x: [Int], _ w: [Int], _ window: WindowAttributes, groups: Int
) throws(Diagnostic) -> [Int] {
  guard x.count == 4 else {
    throw Diagnostic(
      .shapeMismatch, "images of shape \(x), expected [N, C, H, W]",
      hint: x.count == 3 ? "reshape to [1, \(x.map(String.init).joined(separator: ", "))]" : nil)
  }
  let operands = Operands([
    .init(TensorType(.f32, Shape(x))), .init(TensorType(.f32, Shape(w))),
  ])
  return try Conv(window, group: groups).resultTypes(operands)[0].shape?.sizes ?? []
}
