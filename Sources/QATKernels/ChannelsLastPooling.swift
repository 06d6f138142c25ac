internal import CQATKernels
import QATCore

/// Pooling of float images NHWC.
public struct ChannelsLastPooling {
  /// Sizes as for images NCHW.
  public let shape: PoolingShape
  private var batch: Int64 { Int64(shape.x[0]) }
  private var channels: Int64 { Int64(shape.x[1]) }

  public init(_ shape: PoolingShape) { self.shape = shape }

  public func maximum(x: TensorView, y: MutableTensorView, _ pool: ThreadPool) {
    check(x.count, y.count)
    var c = shape.c
    // SAFETY: sizes were checked.
    unsafe qat_maxpool_nhwc(
      &c, batch, channels, x.pointer(Float.self), y.pointer(Float.self), pool.pool)
  }

  /// dx of a maximum, found again from x.
  public func maximumGradient(
    dy: TensorView, x: TensorView, dx: MutableTensorView, _ pool: ThreadPool
  ) {
    check(x.count, dy.count)
    precondition(dx.count == x.count)
    var c = shape.c
    // SAFETY: sizes were checked.
    unsafe qat_maxpool_nhwc_gradient(
      &c, batch, channels, x.pointer(Float.self), dy.pointer(Float.self), dx.pointer(Float.self),
      pool.pool)
  }

  /// y = the sum of each window / what it counts: what lies inside, or the padding too.
  public func average(
    countsPadding: Bool, x: TensorView, y: MutableTensorView, _ pool: ThreadPool
  ) {
    check(x.count, y.count)
    var c = shape.c
    // SAFETY: sizes were checked.
    unsafe qat_averagepool_nhwc(
      &c, batch, channels, x.pointer(Float.self), countsPadding, y.pointer(Float.self), pool.pool)
  }

  public func averageGradient(
    countsPadding: Bool, dy: TensorView, dx: MutableTensorView, _ pool: ThreadPool
  ) {
    check(dx.count, dy.count)
    var c = shape.c
    // SAFETY: sizes were checked.
    unsafe qat_averagepool_nhwc_gradient(
      &c, batch, channels, dy.pointer(Float.self), countsPadding, dx.pointer(Float.self), pool.pool)
  }

  /// y [batch][channels] = the mean of x [batch][pixels][channels] over its pixels.
  public static func globalAverage(
    batch: Int, pixels: Int, x: TensorView, y: MutableTensorView, _ pool: ThreadPool
  ) {
    precondition(x.count == y.count * pixels && y.count % batch == 0)
    // SAFETY: sizes were checked.
    unsafe qat_global_averagepool_nhwc(
      Int64(batch), Int64(pixels), Int64(y.count / batch), x.pointer(Float.self),
      y.pointer(Float.self), pool.pool)
  }

  public static func globalAverageGradient(
    batch: Int, pixels: Int, dy: TensorView, dx: MutableTensorView, _ pool: ThreadPool
  ) {
    precondition(dx.count == dy.count * pixels && dy.count % batch == 0)
    // SAFETY: sizes were checked.
    unsafe qat_global_averagepool_nhwc_gradient(
      Int64(batch), Int64(pixels), Int64(dy.count / batch), dy.pointer(Float.self),
      dx.pointer(Float.self), pool.pool)
  }

  private func check(_ x: Int, _ y: Int) {
    precondition(
      x == shape.x.reduce(1, *) && y == shape.y.reduce(1, *), "sizes of a pooling do not agree")
  }
}
