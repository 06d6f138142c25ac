internal import CQATKernels
public import QATCore

/// The sizes of a two-dimensional convolution: images NCHW, weights OIHW.
public struct ConvolutionShape: Sendable, Equatable {
  public var batch, inChannels, inHeight, inWidth: Int
  public var outChannels, outHeight, outWidth: Int
  public var kernelHeight, kernelWidth, groups: Int
  public var strideY, strideX, dilationY, dilationX, padTop, padLeft: Int

  /// - Parameters:
  ///   - x: sizes of the images, NCHW.
  ///   - w: sizes of the weights, OIHW.
  ///   - y: sizes of the results, NCHW.
  ///   - strides, dilations: for height and width. - pads: top, left.
  public init(
    x: [Int], w: [Int], y: [Int], groups: Int, strides: [Int], dilations: [Int], pads: [Int]
  ) {
    (batch, inChannels, inHeight, inWidth) = (x[0], x[1], x[2], x[3])
    (outChannels, outHeight, outWidth) = (y[1], y[2], y[3])
    (kernelHeight, kernelWidth, self.groups) = (w[2], w[3], groups)
    (strideY, strideX) = (strides[0], strides[1])
    (dilationY, dilationX) = (dilations[0], dilations[1])
    (padTop, padLeft) = (pads[0], pads[1])
  }

  var c: qat_conv_shape {
    qat_conv_shape(
      batch: Int64(batch), in_channels: Int64(inChannels), in_height: Int64(inHeight),
      in_width: Int64(inWidth), out_channels: Int64(outChannels), out_height: Int64(outHeight),
      out_width: Int64(outWidth), kernel_height: Int64(kernelHeight),
      kernel_width: Int64(kernelWidth), groups: Int64(groups), stride_y: Int64(strideY),
      stride_x: Int64(strideX), dilation_y: Int64(dilationY), dilation_x: Int64(dilationX),
      pad_top: Int64(padTop), pad_left: Int64(padLeft))
  }

  var inputCount: Int { batch * inChannels * inHeight * inWidth }
  var weightCount: Int { outChannels * (inChannels / groups) * kernelHeight * kernelWidth }
  var outputCount: Int { batch * outChannels * outHeight * outWidth }
}

/// Float convolutions.
public enum FloatConvolution {
  public static func scratchByteCount(_ shape: ConvolutionShape, _ pool: ThreadPool) -> Int {
    var c = shape.c
    return unsafe qat_conv_f32_scratch(&c, Int32(pool.threads))
  }

  /// y = conv(x, w) + bias.
  public static func forward(
    _ shape: ConvolutionShape, x: TensorView, w: TensorView, bias: TensorView?,
    y: MutableTensorView, _ pool: ThreadPool, scratch: MutableTensorView
  ) {
    check(shape, x.count, w.count, y.count)
    precondition(bias.map { $0.count == shape.outChannels } ?? true)
    var c = shape.c
    // SAFETY: sizes were checked; scratch was asked for with `scratchByteCount`.
    unsafe qat_conv_f32(
      &c, x.pointer(Float.self), w.pointer(Float.self), bias?.pointer(Float.self),
      y.pointer(Float.self), pool.pool, scratch.base)
  }

  /// dx from dy.
  public static func inputGradient(
    _ shape: ConvolutionShape, dy: TensorView, w: TensorView, dx: MutableTensorView,
    _ pool: ThreadPool, scratch: MutableTensorView
  ) {
    check(shape, dx.count, w.count, dy.count)
    var c = shape.c
    // SAFETY: as in `forward`.
    unsafe qat_conv_f32_input_gradient(
      &c, dy.pointer(Float.self), w.pointer(Float.self), dx.pointer(Float.self), pool.pool,
      scratch.base)
  }

  /// dw from dy.
  public static func weightGradient(
    _ shape: ConvolutionShape, dy: TensorView, x: TensorView, dw: MutableTensorView,
    _ pool: ThreadPool, scratch: MutableTensorView
  ) {
    check(shape, x.count, dw.count, dy.count)
    var c = shape.c
    // SAFETY: as in `forward`.
    unsafe qat_conv_f32_weight_gradient(
      &c, dy.pointer(Float.self), x.pointer(Float.self), dw.pointer(Float.self), pool.pool,
      scratch.base)
  }

  private static func check(_ shape: ConvolutionShape, _ x: Int, _ w: Int, _ y: Int) {
    precondition(
      x == shape.inputCount && w == shape.weightCount && y == shape.outputCount,
      "sizes of a convolution do not agree")
  }
}

/// Convolutions of codes with weights that are packed once.
@safe public final class IntegerConvolution {
  private let shape: ConvolutionShape
  private let weightIsSigned: Bool
  private let weightZeros: [Int32]?
  private let channelsLast: Bool
  private let packed: Arena
  // SAFETY: a row of a static table.
  private let kernel: OpaquePointer

  /// Packs the weights.
  /// - Parameters:
  ///   - w: u8 or i8, OIHW. - weightZeros: one an output channel; `nil` for 0.
  ///   - channelsLast: images and results are NHWC.
  public init(
    _ shape: ConvolutionShape, w: AnyTensor, weightZeros: [Int32]?, channelsLast: Bool = false
  ) {
    precondition(
      w.elementCount == shape.weightCount && Set<ElementType>([.i8, .u8]).contains(w.element))
    self.shape = shape
    self.weightZeros = weightZeros
    self.channelsLast = channelsLast
    weightIsSigned = w.element == .i8
    // SAFETY: the table has a scalar row, so there is a best one.
    unsafe kernel = qat_igemm_best()!
    var c = shape.c
    unsafe packed = Arena(byteCount: qat_conv_s8_packed_size(kernel, &c))
    let scratch = Arena(byteCount: shape.weightCount)
    let view = TensorView(w)
    // SAFETY: both buffers have the sizes that the kernel asks for.
    unsafe qat_conv_s8_pack(
      kernel, &c, view.base, weightIsSigned,
      packed.view(at: 0, .u8, shape: [packed.byteCount]).base,
      scratch.view(at: 0, .u8, shape: [shape.weightCount]).base)
  }

  public func scratchByteCount(_ pool: ThreadPool) -> Int {
    var c = shape.c
    return unsafe qat_conv_s8_scratch(&c, channelsLast, Int32(pool.threads))
  }

  /// Codes: clamp(rint(f32(acc) * m) + zero), with acc over codes less their zero points plus bias.
  /// - Parameter multipliers: one, or one an output channel.
  public func codes(
    x: TensorView, xZero: Int32, bias: [Int32]?, multipliers: [Float], zero: Int32,
    range: ClosedRange<Int32>, y: MutableTensorView, _ pool: ThreadPool, scratch: MutableTensorView
  ) {
    precondition(multipliers.count == 1 || multipliers.count == shape.outChannels)
    run(
      x: x, xZero: xZero, bias: bias, multipliers: multipliers, zero: zero, range: range, y: y,
      QAT_CONV_CODES, pool, scratch)
  }

  /// The sums themselves, int32.
  public func sums(
    x: TensorView, xZero: Int32, y: MutableTensorView, _ pool: ThreadPool,
    scratch: MutableTensorView
  ) {
    run(
      x: x, xZero: xZero, bias: nil, multipliers: [1], zero: 0, range: 0...0, y: y, QAT_CONV_SUMS,
      pool, scratch)
  }

  private func run(
    x: TensorView, xZero: Int32, bias: [Int32]?, multipliers: [Float], zero: Int32,
    range: ClosedRange<Int32>, y: MutableTensorView, _ result: qat_conv_result, _ pool: ThreadPool,
    _ scratch: MutableTensorView
  ) {
    precondition(x.count == shape.inputCount && y.count == shape.outputCount)
    precondition(bias.map { $0.count == shape.outChannels } ?? true)
    precondition(weightZeros.map { $0.count == shape.outChannels } ?? true)
    var c = shape.c
    // SAFETY: sizes were checked; the arrays live for the call.
    unsafe withOptional(bias) { bias in
      unsafe withOptional(weightZeros) { zeros in
        unsafe multipliers.withUnsafeBufferPointer { m in
          var arguments = unsafe qat_conv_s8_arguments()
          unsafe arguments.x = x.base
          unsafe arguments.x_signed = x.element == .i8
          unsafe arguments.x_channels_last = channelsLast
          unsafe arguments.y_channels_last = channelsLast
          unsafe arguments.x_zero = xZero
          unsafe arguments.w = UnsafeRawPointer(
            packed.view(at: 0, .u8, shape: [packed.byteCount]).base)
          unsafe arguments.w_signed = weightIsSigned
          unsafe arguments.w_zero = zeros
          unsafe arguments.bias = bias
          unsafe arguments.result = result
          unsafe arguments.m = m.baseAddress
          unsafe arguments.m_scalar = m.count == 1
          unsafe arguments.zero = zero
          unsafe arguments.lo = range.lowerBound
          unsafe arguments.hi = range.upperBound
          unsafe arguments.y = y.base
          unsafe qat_conv_s8(kernel, &c, &arguments, pool.pool, scratch.base)
        }
      }
    }
  }
}

/// Lends an array that may be absent.
func withOptional<Element>(_ array: [Element]?, _ body: (UnsafePointer<Element>?) -> Void) {
  guard let array else { return body(nil) }
  unsafe array.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
}
