import QATCore
import QATIR
import QATKernels

extension BatchNormalizationCorrection: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard (0..<6).allSatisfy({ request.element($0) == .f32 }), request.results.count == 3,
      !request.isPresent(6) || request.element(6) == .f32, !request.shape(0).contains(0)
    else { return nil }
    let x = CodeLayout(shape: request.shape(0), axis: 1), op = self, pool = request.pool
    return Kernel(
      scratchByteCount: BatchNormCorrectionKernels.Channels.byteCount(x.channels)
    ) { call in
      guard let scratch = call.scratch else { return }
      let channels = BatchNormCorrectionKernels.Channels(x.channels, in: scratch)
      BatchNormKernels.statistics(
        batch: x.outer, channels: x.channels, inner: x.inner, x: call[0], mean: channels.mean,
        variance: channels.variance, pool)
      BatchNormCorrectionKernels.correct(
        channels, scale: call[1], bias: call[2], runningMean: call[3], runningVariance: call[4],
        foldedBias: call[5], ownBias: call.optional(6), epsilon: op.epsilon, momentum: op.momentum,
        newMean: call.result(1), newVariance: call.result(2))
      BatchNormKernels.apply(
        batch: x.outer, channels: x.channels, inner: x.inner, x: call[0],
        mean: channels.center.readOnly, variance: channels.spread.readOnly,
        gamma: channels.gain.readOnly, beta: channels.offset.readOnly, epsilon: 0,
        y: call.result(), pool)
    }
  }
}

extension BatchNormalizationCorrectionGradient: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard (0..<4).allSatisfy({ request.element($0) == .f32 }), request.results.count == 4,
      !request.shape(0).contains(0)
    else { return nil }
    let x = CodeLayout(shape: request.shape(0), axis: 1), epsilon = epsilon, pool = request.pool
    return Kernel(
      scratchByteCount: BatchNormCorrectionKernels.Channels.byteCount(x.channels)
    ) { call in
      guard let scratch = call.scratch else { return }
      let channels = BatchNormCorrectionKernels.Channels(x.channels, in: scratch)
      BatchNormKernels.statistics(
        batch: x.outer, channels: x.channels, inner: x.inner, x: call[1], mean: channels.mean,
        variance: channels.variance, pool)
      BatchNormCorrectionKernels.prepareGradient(
        channels, scale: call[2], runningVariance: call[3], epsilon: epsilon)
      BatchNormKernels.gradient(
        batch: x.outer, channels: x.channels, inner: x.inner, dy: call[0], x: call[1],
        mean: channels.center.readOnly, variance: channels.spread.readOnly,
        gamma: channels.gain.readOnly, epsilon: 0, dx: call.result(0), dgamma: call.result(1),
        dbeta: call.result(2), pool)
      BatchNormCorrectionKernels.finishGradient(
        channels, batch: x.outer, inner: x.inner, dy: call[0], dx: call.result(0),
        dscale: call.result(1), dbias: call.result(2), dfoldedBias: call.result(3))
    }
  }
}
