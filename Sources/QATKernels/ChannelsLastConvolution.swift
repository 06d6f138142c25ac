internal import CQATKernels
import QATCore

/// Float convolutions of images NHWC, with weights and their gradients OIHW.
///
/// Weights are packed first: once where they do not change, at every step in training.
public struct ChannelsLastConvolution {
  /// Sizes as for images NCHW.
  public let shape: ConvolutionShape
  private let precision: ProductPrecision

  /// - Parameter precision: of convolutions that bfloat16 makes faster; others do not round.
  public init(_ shape: ConvolutionShape, _ precision: ProductPrecision = .f32) {
    self.shape = shape
    var c = shape.c
    self.precision = unsafe qat_conv_nhwc_gains_from_bf16(&c) ? precision : .f32
  }

  private var c: qat_conv_shape {
    var c = shape.c
    c.bf16 = precision == .bf16
    return c
  }

  public var packedByteCount: Int {
    var c = c
    return unsafe 4 * qat_conv_nhwc_packed_size(&c)
  }
  /// Of weights as the gradient of the input takes them.
  public var gradientPackedByteCount: Int {
    var c = c
    return unsafe 4 * qat_conv_nhwc_gradient_packed_size(&c)
  }
  /// Of any of the three below.
  public func scratchByteCount(_ pool: ThreadPool) -> Int {
    ownScratchByteCount(pool) + precision.copyByteCount(shape.inputCount + shape.outputCount)
  }
  /// What the kernels need; copies of operands lie behind it.
  private func ownScratchByteCount(_ pool: ThreadPool) -> Int {
    var c = c
    return unsafe (qat_conv_nhwc_scratch(&c, Int32(pool.threads)) + 63) / 64 * 64
  }
  private func operand(
    _ x: TensorView, at start: Int = 0, _ pool: ThreadPool, _ scratch: MutableTensorView
  ) -> TensorView {
    precision.operand(x, scratch, at: ownScratchByteCount(pool) / 4 + start, pool)
  }

  public func pack(w: TensorView, to packed: MutableTensorView, _ pool: ThreadPool) {
    precondition(w.count == shape.weightCount && packed.byteCount >= packedByteCount)
    var c = c
    // SAFETY: sizes were checked.
    unsafe qat_conv_nhwc_pack(
      &c, w.pointer(Float.self), packed.base.assumingMemoryBound(to: Float.self), pool.pool)
    precision.round(packed, byteCount: packedByteCount, pool)
  }

  /// Constant weights, packed as `pack` does.
  public func packed(_ w: AnyTensor, _ pool: ThreadPool) -> PackedWeights {
    let byteCount = packedByteCount
    return unsafe PackedWeights.of(
      [w], shape.packing("conv_f32", byteCount: byteCount), byteCount: byteCount
    ) { memory in
      // SAFETY: the view looks at as many bytes, and does not outlive the call.
      unsafe pack(
        w: TensorView(w), to: MutableTensorView(base: memory, .u8, shape: [byteCount]), pool)
    }
  }

  public func packForGradient(w: TensorView, to packed: MutableTensorView, _ pool: ThreadPool) {
    precondition(w.count == shape.weightCount && packed.byteCount >= gradientPackedByteCount)
    var c = c
    // SAFETY: sizes were checked.
    unsafe qat_conv_nhwc_gradient_pack(
      &c, w.pointer(Float.self), packed.base.assumingMemoryBound(to: Float.self), pool.pool)
    precision.round(packed, byteCount: gradientPackedByteCount, pool)
  }

  /// y = clamp(conv(x, w) + bias + residual).
  /// - Parameters:
  ///   - packed: by `pack`. - residual: shaped like `y`. - range: a NaN passes.
  public func forward(
    x: TensorView, packed: TensorView, bias: TensorView?, residual: TensorView? = nil,
    range: ClosedRange<Float>? = nil, y: MutableTensorView, _ pool: ThreadPool,
    scratch: MutableTensorView
  ) {
    precondition(x.count == shape.inputCount && y.count == shape.outputCount)
    precondition(packed.byteCount >= packedByteCount)
    precondition(bias.map { $0.count == shape.outChannels } ?? true)
    precondition(residual.map { $0.count == y.count } ?? true)
    var c = c
    let x = operand(x, pool, scratch)
    var epilogue = unsafe qat_conv_epilogue()
    // SAFETY: sizes were checked; scratch was asked for with `scratchByteCount`.
    unsafe epilogue.bias = bias?.pointer(Float.self)
    unsafe epilogue.residual = residual?.pointer(Float.self)
    unsafe epilogue.clamps = range != nil
    unsafe epilogue.low = range?.lowerBound ?? 0
    unsafe epilogue.high = range?.upperBound ?? 0
    unsafe qat_conv_nhwc(
      &c, x.pointer(Float.self), packed.base.assumingMemoryBound(to: Float.self), &epilogue,
      y.pointer(Float.self), pool.pool, scratch.base)
  }

  /// dx from dy.
  /// - Parameter packed: by `packForGradient`.
  public func inputGradient(
    dy: TensorView, packed: TensorView, dx: MutableTensorView, _ pool: ThreadPool,
    scratch: MutableTensorView
  ) {
    precondition(dx.count == shape.inputCount && dy.count == shape.outputCount)
    precondition(packed.byteCount >= gradientPackedByteCount)
    var c = c
    let dy = operand(dy, pool, scratch)
    // SAFETY: as in `forward`.
    unsafe qat_conv_nhwc_input_gradient(
      &c, dy.pointer(Float.self), packed.base.assumingMemoryBound(to: Float.self),
      dx.pointer(Float.self), pool.pool, scratch.base)
  }

  /// dw from dy.
  public func weightGradient(
    dy: TensorView, x: TensorView, dw: MutableTensorView, _ pool: ThreadPool,
    scratch: MutableTensorView
  ) {
    precondition(x.count == shape.inputCount && dy.count == shape.outputCount)
    precondition(dw.count == shape.weightCount)
    var c = c
    let dy = operand(dy, pool, scratch)
    let x = operand(x, at: shape.outputCount, pool, scratch)
    // SAFETY: as in `forward`.
    unsafe qat_conv_nhwc_weight_gradient(
      &c, dy.pointer(Float.self), x.pointer(Float.self), nil, dw.pointer(Float.self), pool.pool,
      scratch.base)
  }

  /// The same from codes, in float32, with the same result as from their numbers.
  /// - Precondition: the convolution is not depthwise.
  public func weightGradient(
    dy: TensorView, x: ScaledCodes, dw: MutableTensorView, _ pool: ThreadPool,
    scratch: MutableTensorView
  ) {
    precondition(x.count == shape.inputCount && dy.count == shape.outputCount)
    precondition(dw.count == shape.weightCount && precision == .f32 && shape.groups == 1)
    var c = c, codes = unsafe x.c
    // SAFETY: sizes were checked; scratch was asked for with `codesScratchByteCount`.
    unsafe qat_conv_nhwc_weight_gradient(
      &c, dy.pointer(Float.self), nil, &codes, dw.pointer(Float.self), pool.pool, scratch.base)
  }

  /// Of the gradient from codes.
  public func codesScratchByteCount(_ pool: ThreadPool) -> Int {
    var c = c
    return unsafe qat_conv_nhwc_codes_scratch(&c, Int32(pool.threads))
  }
}
