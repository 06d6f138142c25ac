import QATCore
import QATIR
import QATKernels

// Weights change from step to step: they are packed at every run.

extension ConvIntegerToFloat: Executable, ExecutableChannelsLast {
  /// Two-dimensional convolutions.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    kernel(request, x: request.shape(0), y: request.resultShape(), channelsLast: false)
  }

  func channelsLastKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    kernel(
      request, x: channelsFirst(request.shape(0)), y: channelsFirst(request.resultShape()),
      channelsLast: true)
  }

  private func kernel(
    _ request: KernelRequest, x: [Int], y: [Int], channelsLast: Bool
  ) -> Kernel? {
    guard let shape = convolutionShape(window, group: group, x: x, w: request.shape(3), y: y)
    else { return nil }
    let convolution = IntegerConvolution(shape, of: .i8, channelsLast: channelsLast)
    let pool = request.pool
    return Kernel(scratchByteCount: convolution.sumScratchByteCount(pool)) { call in
      guard let scratch = call.scratch else { return }
      convolution.replace(
        w: call[3], multipliers: multipliers(call, channels: shape.outChannels), scratch: scratch)
      convolution.reals(
        x: call[0], xZero: FloatLoops.code(call[2]), bias: call.optional(5), y: call.result(), pool,
        scratch: scratch)
    }
  }
}

extension GemmIntegerToFloat: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let (m, k, n) = (request.shape(0)[0], request.shape(0)[1], request.resultShape()[1])
    guard m * k * n > 0 else { return nil }
    let product = IntegerProduct(
      k: k, n: n, of: .i8, zeros: nil, multipliers: Array(repeating: 0, count: n))
    let pool = request.pool, transB = transB
    return Kernel(scratchByteCount: product.scratchByteCount(m: m, pool)) { call in
      guard let scratch = call.scratch else { return }
      product.replace(
        b: call[3], transposed: transB, multipliers: multipliers(call, channels: n),
        scratch: scratch)
      product.reals(
        m: m, a: call[0], aZero: FloatLoops.code(call[2]), bias: call.optional(5),
        to: call.result(), pool, scratch: scratch)
    }
  }
}

/// What sums are multiplied by: operand 1 times operand 4.
private func multipliers(_ call: KernelCall, channels: Int) -> [Float] {
  let scale = FloatLoops.scalar(call[1]), scales = call[4].floats
  return (0..<channels).map { scale * scales[scales.count == 1 ? 0 : $0] }
}
