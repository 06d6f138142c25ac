internal import CQATKernels
import QATCore

/// Batch normalisation of x [batch][channels][inner].
public enum BatchNormKernels {
  /// The batch's mean and biased variance of each channel.
  public static func statistics(
    batch: Int, channels: Int, inner: Int, x: TensorView, mean: MutableTensorView,
    variance: MutableTensorView, _ pool: ThreadPool
  ) {
    precondition(x.count == batch * channels * inner)
    precondition(mean.byteCount >= channels * 4 && variance.byteCount >= channels * 4)
    // SAFETY: sizes were checked.
    unsafe qat_batchnorm_statistics(
      Int64(batch), Int64(channels), Int64(inner), x.pointer(Float.self),
      mean.base.assumingMemoryBound(to: Float.self),
      variance.base.assumingMemoryBound(to: Float.self), pool.pool)
  }

  /// y = (x - mean) * gamma / sqrt(variance + epsilon) + beta.
  public static func apply(
    batch: Int, channels: Int, inner: Int, x: TensorView, mean: TensorView, variance: TensorView,
    gamma: TensorView, beta: TensorView, epsilon: Float, y: MutableTensorView, _ pool: ThreadPool
  ) {
    precondition(x.count == batch * channels * inner && y.count == x.count)
    precondition(gamma.count == channels && beta.count == channels)
    precondition(mean.byteCount >= channels * 4 && variance.byteCount >= channels * 4)
    // SAFETY: sizes were checked.
    unsafe qat_batchnorm_apply(
      Int64(batch), Int64(channels), Int64(inner), x.pointer(Float.self),
      mean.base.assumingMemoryBound(to: Float.self),
      variance.base.assumingMemoryBound(to: Float.self), gamma.pointer(Float.self),
      beta.pointer(Float.self), epsilon, y.pointer(Float.self), pool.pool)
  }

  /// Gradients through the batch's own statistics.
  public static func gradient(
    batch: Int, channels: Int, inner: Int, dy: TensorView, x: TensorView, mean: TensorView,
    variance: TensorView, gamma: TensorView, epsilon: Float, dx: MutableTensorView,
    dgamma: MutableTensorView, dbeta: MutableTensorView, _ pool: ThreadPool
  ) {
    precondition(x.count == batch * channels * inner && dy.count == x.count && dx.count == x.count)
    precondition(gamma.count == channels && dgamma.count == channels && dbeta.count == channels)
    // SAFETY: sizes were checked.
    unsafe qat_batchnorm_gradient(
      Int64(batch), Int64(channels), Int64(inner), dy.pointer(Float.self), x.pointer(Float.self),
      mean.base.assumingMemoryBound(to: Float.self),
      variance.base.assumingMemoryBound(to: Float.self), gamma.pointer(Float.self), epsilon,
      dx.pointer(Float.self), dgamma.pointer(Float.self), dbeta.pointer(Float.self), pool.pool)
  }
}

extension MutableTensorView {
  /// Elements of this memory as a tensor of floats of its own.
  public func floats(at offset: Int, count: Int) -> MutableTensorView {
    precondition(offset >= 0 && (offset + count) * 4 <= byteCount, "outside the view")
    // SAFETY: inside, as just checked.
    return unsafe MutableTensorView(base: base + offset * 4, .f32, shape: [count])
  }
}
