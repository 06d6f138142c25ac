import QATCore
import QATIR
import QATKernels

extension Conv: ExecutableChannelsLast {
  func channelsLastKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    try FusedConv(self).channelsLastKernel(for: request)
  }
}

extension FusedConv: ExecutableChannelsLast {
  /// Two-dimensional float convolutions; constant weights are packed now.
  func channelsLastKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32,
      !request.isPresent(3) || request.shape(3) == request.resultShape(),
      let shape = convolutionShape(
        convolution.window, group: convolution.group, x: channelsFirst(request.shape(0)),
        w: request.shape(1), y: channelsFirst(request.resultShape()))
    else { return nil }
    let convolution = ChannelsLastConvolution(shape, request.precision), pool = request.pool,
      range = range
    guard let w = request.constant(1) else {
      return packing(convolution.packedByteCount, convolution, pool) { call, packed, scratch in
        convolution.pack(w: call[1], to: packed, pool)
        convolution.forward(
          x: call[0], packed: packed.readOnly, bias: call.optional(2), residual: call.optional(3),
          range: range, y: call.result(), pool, scratch: scratch)
      }
    }
    let packed = convolution.packed(w, pool)
    return Kernel(scratchByteCount: convolution.scratchByteCount(pool)) { call in
      guard let scratch = call.scratch else { return }
      convolution.forward(
        x: call[0], packed: packed.view, bias: call.optional(2), residual: call.optional(3),
        range: range, y: call.result(), pool, scratch: scratch)
    }
  }
}

extension ConvInputGradient: ExecutableChannelsLast {
  func channelsLastKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32,
      let shape = convolutionShape(
        window, group: group, x: channelsFirst(request.shape(2)), w: request.shape(1),
        y: channelsFirst(request.shape(0)))
    else { return nil }
    let convolution = ChannelsLastConvolution(shape, request.precision), pool = request.pool
    return packing(convolution.gradientPackedByteCount, convolution, pool) {
      call, packed, scratch in
      convolution.packForGradient(w: call[1], to: packed, pool)
      convolution.inputGradient(
        dy: call[0], packed: packed.readOnly, dx: call.result(), pool, scratch: scratch)
    }
  }
}

extension ConvWeightGradient: ExecutableChannelsLast {
  func channelsLastKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32,
      let shape = convolutionShape(
        window, group: group, x: channelsFirst(request.shape(1)), w: request.shape(2),
        y: channelsFirst(request.shape(0)))
    else { return nil }
    let convolution = ChannelsLastConvolution(shape, request.precision), pool = request.pool
    return Kernel(scratchByteCount: convolution.scratchByteCount(pool)) { call in
      guard let scratch = call.scratch else { return }
      convolution.weightGradient(
        dy: call[0], x: call[1], dw: call.result(), pool, scratch: scratch)
    }
  }
}

/// A kernel that packs its weights at every run, in front of its scratch memory.
private func packing(
  _ bytes: Int, _ convolution: ChannelsLastConvolution, _ pool: ThreadPool,
  run: @escaping (KernelCall, _ packed: MutableTensorView, _ scratch: MutableTensorView) -> Void
) -> Kernel {
  var layout = ScratchLayout()
  let packed = layout.add(byteCount: bytes)
  let rest = layout.add(byteCount: convolution.scratchByteCount(pool))
  return Kernel(scratchByteCount: layout.byteCount) { call in
    guard let scratch = call.scratch else { return }
    run(call, scratch[packed], scratch[rest])
  }
}
