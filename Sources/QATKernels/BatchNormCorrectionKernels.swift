internal import CQATKernels
import QATCore

/// The channels of a batch-norm that is folded into the product in front of it: what turns the batch's
/// statistics into operands of `BatchNormKernels`. The formulas are those of
/// `qat.BatchNormalizationCorrection`.
public enum BatchNormCorrectionKernels {
  /// Vectors of scratch memory: the batch's `mean` and `variance`, and what takes the place of mean,
  /// variance, gamma and beta.
  public struct Channels {
    public let mean, variance, center, spread, gain, offset: MutableTensorView
    /// What the gradient of the scale is multiplied by; lies where `offset` does.
    public var share: MutableTensorView { offset }
    fileprivate let count: Int

    public static func byteCount(_ count: Int) -> Int { 6 * 4 * count }

    /// - Parameter scratch: at least `byteCount(count)` bytes.
    public init(_ count: Int, in scratch: MutableTensorView) {
      self.count = count
      let vectors = (0..<6).map { scratch.floats(at: $0 * count, count: count) }
      (mean, variance, center) = (vectors[0], vectors[1], vectors[2])
      (spread, gain, offset) = (vectors[3], vectors[4], vectors[5])
    }
  }

  /// Makes center, spread, gain and offset of the batch's statistics, and the new running statistics.
  public static func correct(
    _ channels: Channels, scale: TensorView, bias: TensorView, runningMean: TensorView,
    runningVariance: TensorView, foldedBias: TensorView, ownBias: TensorView?, epsilon: Float,
    momentum: Float, newMean: MutableTensorView, newVariance: MutableTensorView
  ) {
    let count = channels.count
    for vector in [scale, bias, runningMean, runningVariance, foldedBias] {
      precondition(vector.count == count)
    }
    precondition((ownBias?.count ?? count) == count)
    precondition(newMean.count == count && newVariance.count == count)
    // SAFETY: every vector has `count` elements, as just checked or by the initializer.
    unsafe qat_batchnorm_correction(
      Int64(count), channels.mean.pointer(), channels.variance.pointer(), scale.pointer(),
      bias.pointer(), runningMean.pointer(), runningVariance.pointer(), foldedBias.pointer(),
      ownBias?.pointer(), epsilon, momentum, channels.center.pointer(), channels.spread.pointer(),
      channels.gain.pointer(), channels.offset.pointer(), newMean.pointer(), newVariance.pointer())
  }

  /// Makes center, spread, gain and share of the batch's statistics.
  public static func prepareGradient(
    _ channels: Channels, scale: TensorView, runningVariance: TensorView, epsilon: Float
  ) {
    let count = channels.count
    precondition(scale.count == count && runningVariance.count == count)
    // SAFETY: every vector has `count` elements, as just checked or by the initializer.
    unsafe qat_batchnorm_correction_gradient(
      Int64(count), channels.mean.pointer(), channels.variance.pointer(), scale.pointer(),
      runningVariance.pointer(), epsilon, channels.center.pointer(), channels.spread.pointer(),
      channels.gain.pointer(), channels.share.pointer())
  }

  /// Turns the gradients that `BatchNormKernels` made of these channels into those of the correction.
  public static func finishGradient(
    _ channels: Channels, batch: Int, inner: Int, dy: TensorView, dx: MutableTensorView,
    dscale: MutableTensorView, dbias: MutableTensorView, dfoldedBias: MutableTensorView
  ) {
    let count = channels.count
    precondition(dx.count == batch * count * inner && dy.count == dx.count)
    for vector in [dscale, dbias, dfoldedBias] { precondition(vector.count == count) }
    // SAFETY: sizes were checked.
    unsafe qat_batchnorm_correction_finish(
      Int64(batch), Int64(count), Int64(inner), channels.share.pointer(), dy.pointer(),
      dx.pointer(), dscale.pointer(), dbias.pointer(), dfoldedBias.pointer())
  }
}
