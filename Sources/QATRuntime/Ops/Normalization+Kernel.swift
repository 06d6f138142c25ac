import QATCore
import QATIR
import QATKernels

extension BatchNormalization: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard (0..<5).allSatisfy({ request.element($0) == .f32 }), request.shape(0).count >= 2,
      !request.shape(0).contains(0)
    else { return nil }
    let x = CodeLayout(shape: request.shape(0), axis: 1)
    let pool = request.pool, epsilon = epsilon
    guard trainingMode else {
      return Kernel { call in
        BatchNormKernels.apply(
          batch: x.outer, channels: x.channels, inner: x.inner, x: call[0], mean: call[3],
          variance: call[4], gamma: call[1], beta: call[2], epsilon: epsilon, y: call.result(), pool
        )
      }
    }
    let wantsState = request.results.count > 2, momentum = momentum
    return Kernel(scratchByteCount: x.channels * 8) { call in
      guard let scratch = call.scratch else { return }
      let mean = scratch.floats(at: 0, count: x.channels)
      let variance = scratch.floats(at: x.channels, count: x.channels)
      BatchNormKernels.statistics(
        batch: x.outer, channels: x.channels, inner: x.inner, x: call[0], mean: mean,
        variance: variance, pool)
      BatchNormKernels.apply(
        batch: x.outer, channels: x.channels, inner: x.inner, x: call[0], mean: mean.readOnly,
        variance: variance.readOnly, gamma: call[1], beta: call[2], epsilon: epsilon,
        y: call.result(), pool)
      guard wantsState else { return }
      FloatLoops.blend(call[3], mean.readOnly, share: momentum, call.result(1))
      FloatLoops.blend(call[4], variance.readOnly, share: momentum, call.result(2))
    }
  }
}

extension BatchNormalizationGradient: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32, request.shape(0).count >= 2, request.results.count == 3,
      !request.shape(0).contains(0)
    else { return nil }
    let x = CodeLayout(shape: request.shape(0), axis: 1)
    let pool = request.pool, epsilon = epsilon
    return Kernel(scratchByteCount: x.channels * 8) { call in
      guard let scratch = call.scratch else { return }
      let mean = scratch.floats(at: 0, count: x.channels)
      let variance = scratch.floats(at: x.channels, count: x.channels)
      BatchNormKernels.statistics(
        batch: x.outer, channels: x.channels, inner: x.inner, x: call[1], mean: mean,
        variance: variance, pool)
      BatchNormKernels.gradient(
        batch: x.outer, channels: x.channels, inner: x.inner, dy: call[0], x: call[1],
        mean: mean.readOnly, variance: variance.readOnly, gamma: call[2], epsilon: epsilon,
        dx: call.result(0), dgamma: call.result(1), dbeta: call.result(2), pool)
    }
  }
}

extension BatchNormalizationGradient: OverwritesOperand {
  public func overwritableOperands(by result: Int) -> [Int] { result == 0 ? [0, 1] : [] }
}
