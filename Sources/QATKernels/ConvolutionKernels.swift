internal import CQATKernels
import QATCore

/// The sizes of a two-dimensional convolution: images NCHW, weights OIHW.
public struct ConvolutionShape: Sendable, Equatable {
  public var batch, inChannels, inHeight, inWidth: Int
  public var outChannels, outHeight, outWidth: Int
  public var kernelHeight, kernelWidth, groups: Int
  public var strideY, strideX, dilationY, dilationX, padTop, padLeft: Int
  /// Whether codes are convolved by minimal filtering, which gives the same sums.
  var isMinimal = false

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
      pad_top: Int64(padTop), pad_left: Int64(padLeft), bf16: false, minimal: isMinimal)
  }

  /// What decides how weights are packed: no sizes of images but by the bytes that it takes.
  func packing(_ form: String, byteCount: Int) -> PackedWeights.Layout {
    PackedWeights.Layout(
      form: form,
      sizes: [
        inChannels, outChannels, kernelHeight, kernelWidth, groups, strideY, strideX, dilationY,
        dilationX, byteCount,
      ])
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
