internal import CQATKernels
public import QATCore

/// The sizes of a two-dimensional pooling: planes are the channels of all images.
public struct PoolingShape: Sendable {
  public var x: [Int], y: [Int]
  public var kernel: [Int], strides: [Int], dilations: [Int]
  /// Top, left, bottom, right.
  public var pads: [Int]

  public init(x: [Int], y: [Int], kernel: [Int], strides: [Int], dilations: [Int], pads: [Int]) {
    (self.x, self.y, self.kernel) = (x, y, kernel)
    (self.strides, self.dilations, self.pads) = (strides, dilations, pads)
  }

  var c: qat_pool_shape {
    qat_pool_shape(
      planes: Int64(x[0] * x[1]), in_height: Int64(x[2]), in_width: Int64(x[3]),
      out_height: Int64(y[2]), out_width: Int64(y[3]), kernel_height: Int64(kernel[0]),
      kernel_width: Int64(kernel[1]), stride_y: Int64(strides[0]), stride_x: Int64(strides[1]),
      dilation_y: Int64(dilations[0]), dilation_x: Int64(dilations[1]), pad_top: Int64(pads[0]),
      pad_left: Int64(pads[1]), pad_bottom: Int64(pads[2]), pad_right: Int64(pads[3]))
  }
}

extension PoolingShape {
  /// How many neighbours belong to different planes.
  fileprivate func innermost(_ channelsLast: Bool) -> Int64 {
    channelsLast ? Int64(max(x[1], 1)) : 1
  }
}

/// Pooling of float images and of codes.
public enum PoolingKernels {
  /// Of floats; codes have `maximumCodes`.
  /// - Parameter indices: memory for one Int64 an output, or `nil`.
  public static func maximum(
    _ shape: PoolingShape, x: TensorView, y: MutableTensorView, indices: MutableTensorView?,
    _ pool: ThreadPool
  ) {
    check(shape, x.count, y.count)
    var c = shape.c
    precondition((indices?.byteCount ?? .max) >= y.count)
    // SAFETY: sizes were checked.
    unsafe qat_maxpool_f32(
      &c, x.pointer(Float.self), y.pointer(Float.self),
      indices?.base.assumingMemoryBound(to: Int64.self), pool.pool)
  }

  /// The largest of 8-bit codes.
  /// - Parameter channelsLast: the images are NHWC; the shape gives their sizes as NCHW.
  public static func maximumCodes(
    _ shape: PoolingShape, channelsLast: Bool = false, x: TensorView, y: MutableTensorView,
    _ pool: ThreadPool
  ) {
    check(shape, x.count, y.count)
    precondition(x.element == y.element && x.element.bitWidth == 8)
    var c = shape.c
    // SAFETY: sizes were checked.
    unsafe qat_maxpool_s8(
      &c, shape.innermost(channelsLast), x.base, x.element == .i8, y.base, pool.pool)
  }

  /// dx of a maximum, found again from x.
  /// - Parameter scratch: 12 bytes an output.
  public static func maximumGradient(
    _ shape: PoolingShape, dy: TensorView, x: TensorView, dx: MutableTensorView, _ pool: ThreadPool,
    scratch: MutableTensorView
  ) {
    check(shape, x.count, dy.count)
    precondition(dx.count == x.count && scratch.byteCount >= dy.count * 12)
    var c = shape.c
    let indices = unsafe scratch.base.assumingMemoryBound(to: Int64.self)
    let values = unsafe (scratch.base + dy.count * 8).assumingMemoryBound(to: Float.self)
    // SAFETY: sizes were checked; scratch holds indices and then values.
    unsafe qat_maxpool_f32(&c, x.pointer(Float.self), values, indices, pool.pool)
    unsafe qat_maxpool_f32_gradient(
      &c, dy.pointer(Float.self), indices, dx.pointer(Float.self), pool.pool)
  }

  /// y = the sum of each window / what it counts: what lies inside, or the padding too.
  public static func average(
    _ shape: PoolingShape, countsPadding: Bool, x: TensorView, y: MutableTensorView,
    _ pool: ThreadPool
  ) {
    check(shape, x.count, y.count)
    var c = shape.c
    // SAFETY: sizes were checked.
    unsafe qat_averagepool_f32(
      &c, x.pointer(Float.self), countsPadding, y.pointer(Float.self), pool.pool)
  }

  public static func averageGradient(
    _ shape: PoolingShape, countsPadding: Bool, dy: TensorView, dx: MutableTensorView,
    _ pool: ThreadPool
  ) {
    check(shape, dx.count, dy.count)
    var c = shape.c
    // SAFETY: sizes were checked.
    unsafe qat_averagepool_f32_gradient(
      &c, dy.pointer(Float.self), countsPadding, dx.pointer(Float.self), pool.pool)
  }

  /// The rule of QLinearAveragePool, without counting padding.
  /// - Parameter channelsLast: as in `maximumCodes`.
  public static func averageCodes(
    _ shape: PoolingShape, channelsLast: Bool = false, x: TensorView, from xRule: AffineGrid,
    y: MutableTensorView, to yRule: AffineGrid, _ pool: ThreadPool
  ) {
    precondition(x.count == shape.x.reduce(1, *) && y.count == shape.y.reduce(1, *))
    precondition(x.element == y.element && x.element.bitWidth == 8)
    var c = shape.c
    // SAFETY: sizes were checked.
    unsafe qat_qlinear_averagepool(
      &c, shape.innermost(channelsLast), x.base, x.element == .i8, xRule.scale,
      Int32(xRule.zeroPoint), yRule.scale,
      Int32(yRule.zeroPoint), false, Int32(yRule.grid.min), Int32(yRule.grid.max), y.base, pool.pool
    )
  }

  /// The rule of QLinearGlobalAveragePool over planes of `pixels`.
  /// - Parameter channels: of images whose channels come last; 1 for planes.
  public static func globalAverageCodes(
    pixels: Int, channels: Int = 1, x: TensorView, from xRule: AffineGrid, y: MutableTensorView,
    to yRule: AffineGrid, _ pool: ThreadPool
  ) {
    precondition(channels > 0 && y.count % channels == 0)
    precondition(x.count == y.count * pixels && x.element == y.element && x.element.bitWidth == 8)
    let ratio = xRule.scale / (yRule.scale * Float(pixels))
    pool.share(y.count / channels, by: ThreadPool.rows(of: channels * pixels)) { images in
      let first = images.lowerBound * channels
      // SAFETY: sizes were checked; an image of both is one of the parts.
      unsafe qat_qlinear_global_averagepool(
        Int64(images.count * channels), Int64(channels), Int64(pixels), x.base + first * pixels,
        x.element == .i8, Int32(xRule.zeroPoint), ratio, Int32(yRule.zeroPoint),
        Int32(yRule.grid.min), Int32(yRule.grid.max), y.base + first)
    }
  }

  private static func check(_ shape: PoolingShape, _ x: Int, _ y: Int) {
    precondition(
      x == shape.x.reduce(1, *) && y == shape.y.reduce(1, *), "sizes of a pooling do not agree")
  }
}
