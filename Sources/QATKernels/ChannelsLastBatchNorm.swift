internal import CQATKernels
import QATCore

/// Batch normalisation of x [pixels][channels], and sums over its pixels; the formulas are those of
/// `BatchNormKernels`.
public struct ChannelsLastBatchNorm {
  public let pixels: Int, channels: Int

  public init(pixels: Int, channels: Int) {
    (self.pixels, self.channels) = (pixels, channels)
  }

  public var scratchByteCount: Int { Int(qat_batchnorm_nhwc_scratch(Int64(channels))) }

  /// Mean and biased variance of each channel.
  public func statistics(
    x: TensorView, mean: MutableTensorView, variance: MutableTensorView, _ pool: ThreadPool,
    scratch: MutableTensorView
  ) {
    check([x.count], [mean.count, variance.count])
    // SAFETY: sizes were checked; scratch was asked for.
    unsafe qat_batchnorm_nhwc_statistics(
      Int64(pixels), Int64(channels), x.pointer(Float.self), mean.pointer(Float.self),
      variance.pointer(Float.self), pool.pool, scratch.base)
  }

  /// y = (x - mean) * gamma / sqrt(variance + epsilon) + beta.
  public func apply(
    x: TensorView, mean: TensorView, variance: TensorView, gamma: TensorView, beta: TensorView,
    epsilon: Float, y: MutableTensorView, _ pool: ThreadPool
  ) {
    check([x.count, y.count], [mean.count, variance.count, gamma.count, beta.count])
    // SAFETY: sizes were checked.
    unsafe qat_batchnorm_nhwc_apply(
      Int64(pixels), Int64(channels), x.pointer(Float.self), mean.pointer(Float.self),
      variance.pointer(Float.self), gamma.pointer(Float.self), beta.pointer(Float.self), epsilon,
      y.pointer(Float.self), pool.pool)
  }

  /// Gradients through the batch's own statistics.
  public func gradient(
    dy: TensorView, x: TensorView, gamma: TensorView, epsilon: Float, dx: MutableTensorView,
    dgamma: MutableTensorView, dbeta: MutableTensorView, _ pool: ThreadPool,
    scratch: MutableTensorView
  ) {
    check([dy.count, x.count, dx.count], [gamma.count, dgamma.count, dbeta.count])
    // SAFETY: sizes were checked; scratch was asked for.
    unsafe qat_batchnorm_nhwc_gradient(
      Int64(pixels), Int64(channels), dy.pointer(Float.self), x.pointer(Float.self),
      gamma.pointer(Float.self), epsilon, dx.pointer(Float.self), dgamma.pointer(Float.self),
      dbeta.pointer(Float.self), pool.pool, scratch.base)
  }

  /// The sum of each channel.
  public func sums(
    _ x: TensorView, to result: MutableTensorView, _ pool: ThreadPool, scratch: MutableTensorView
  ) {
    check([x.count], [result.count])
    // SAFETY: sizes were checked; scratch was asked for.
    unsafe qat_channel_sums_nhwc(
      Int64(pixels), Int64(channels), x.pointer(Float.self), result.pointer(Float.self), pool.pool,
      scratch.base)
  }

  private func check(_ images: [Int], _ vectors: [Int]) {
    precondition(images.allSatisfy { $0 == pixels * channels }, "sizes do not agree")
    precondition(vectors.allSatisfy { $0 == channels }, "one number a channel")
  }
}
