import QATCore
import QATIR
import QATKernels

extension BatchNormalization: ExecutableChannelsLast {
  func channelsLastKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard (0..<5).allSatisfy({ request.element($0) == .f32 }),
      let norm = channelsLastNorm(request.shape(0))
    else { return nil }
    let pool = request.pool, epsilon = epsilon
    guard trainingMode else {
      return Kernel { call in
        norm.apply(
          x: call[0], mean: call[3], variance: call[4], gamma: call[1], beta: call[2],
          epsilon: epsilon, y: call.result(), pool)
      }
    }
    let wantsState = request.results.count > 2, momentum = momentum
    // The batch's mean and variance lie behind what the kernels need.
    let start = norm.scratchByteCount / 4, channels = norm.channels
    return Kernel(scratchByteCount: norm.scratchByteCount + 8 * channels) { call in
      guard let scratch = call.scratch else { return }
      let mean = scratch.floats(at: start, count: channels)
      let variance = scratch.floats(at: start + channels, count: channels)
      norm.statistics(x: call[0], mean: mean, variance: variance, pool, scratch: scratch)
      norm.apply(
        x: call[0], mean: mean.readOnly, variance: variance.readOnly, gamma: call[1],
        beta: call[2], epsilon: epsilon, y: call.result(), pool)
      guard wantsState else { return }
      FloatLoops.blend(call[3], mean.readOnly, share: momentum, call.result(1))
      FloatLoops.blend(call[4], variance.readOnly, share: momentum, call.result(2))
    }
  }
}

extension BatchNormalizationGradient: ExecutableChannelsLast {
  func channelsLastKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32, request.results.count == 3,
      let norm = channelsLastNorm(request.shape(0))
    else { return nil }
    let pool = request.pool, epsilon = epsilon
    return Kernel(scratchByteCount: norm.scratchByteCount) { call in
      guard let scratch = call.scratch else { return }
      norm.gradient(
        dy: call[0], x: call[1], gamma: call[2], epsilon: epsilon, dx: call.result(0),
        dgamma: call.result(1), dbeta: call.result(2), pool, scratch: scratch)
    }
  }
}

/// The sizes of images [N, spatial..., C] that are not empty.
private func channelsLastNorm(_ shape: [Int]) -> ChannelsLastBatchNorm? {
  guard shape.count >= 2, !shape.contains(0), let channels = shape.last else { return nil }
  return ChannelsLastBatchNorm(pixels: shape.dropLast().reduce(1, *), channels: channels)
}
