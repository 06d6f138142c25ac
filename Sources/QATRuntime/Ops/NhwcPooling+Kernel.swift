import QATCore
import QATIR
import QATKernels

extension MaxPool: ExecutableChannelsLast {
  /// Of floats or 8-bit codes, without indices.
  func channelsLastKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    if request.results.count == 1, [.u8, .i8].contains(request.element(0)),
      let shape = poolingShape(
        window, ceilMode: ceilMode, x: channelsFirst(request.shape(0)),
        y: channelsFirst(request.resultShape()))
    {
      let pool = request.pool
      return Kernel { call in
        PoolingKernels.maximumCodes(
          shape, channelsLast: true, x: call[0], y: call.result(), pool)
      }
    }
    guard request.element(0) == .f32, request.results.count == 1,
      let pooling = channelsLastPooling(
        window, ceilMode: ceilMode, x: request.shape(0), y: request.resultShape())
    else { return nil }
    let pool = request.pool
    return Kernel { call in pooling.maximum(x: call[0], y: call.result(), pool) }
  }
}

extension MaxPoolGradient: ExecutableChannelsLast {
  func channelsLastKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32,
      let pooling = channelsLastPooling(
        forward.window, ceilMode: forward.ceilMode, x: request.shape(1), y: request.shape(0))
    else { return nil }
    let pool = request.pool
    return Kernel { call in
      pooling.maximumGradient(dy: call[0], x: call[1], dx: call.result(), pool)
    }
  }
}

extension AveragePool: ExecutableChannelsLast {
  func channelsLastKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32,
      let pooling = channelsLastPooling(
        window, ceilMode: ceilMode, x: request.shape(0), y: request.resultShape())
    else { return nil }
    let pool = request.pool, countsPadding = countIncludePad
    return Kernel { call in
      pooling.average(countsPadding: countsPadding, x: call[0], y: call.result(), pool)
    }
  }
}

extension AveragePoolGradient: ExecutableChannelsLast {
  func channelsLastKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32,
      let pooling = channelsLastPooling(
        forward.window, ceilMode: forward.ceilMode, x: request.shape(1), y: request.shape(0))
    else { return nil }
    let pool = request.pool, countsPadding = forward.countIncludePad
    return Kernel { call in
      pooling.averageGradient(countsPadding: countsPadding, dy: call[0], dx: call.result(), pool)
    }
  }
}

extension GlobalAveragePool: ExecutableChannelsLast {
  func channelsLastKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let shape = request.shape(0)
    guard request.element(0) == .f32, shape.count > 2, !shape.contains(0) else { return nil }
    let pixels = shape.dropFirst().dropLast().reduce(1, *), pool = request.pool
    return Kernel { call in
      ChannelsLastPooling.globalAverage(
        batch: shape[0], pixels: pixels, x: call[0], y: call.result(), pool)
    }
  }
}

extension GlobalAveragePoolGradient: ExecutableChannelsLast {
  func channelsLastKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let shape = request.shape(1)
    guard request.element(0) == .f32, shape.count > 2, !shape.contains(0) else { return nil }
    let pixels = shape.dropFirst().dropLast().reduce(1, *), pool = request.pool
    return Kernel { call in
      ChannelsLastPooling.globalAverageGradient(
        batch: shape[0], pixels: pixels, dy: call[0], dx: call.result(), pool)
    }
  }
}

/// A float pooling of images NHWC; sizes as they are there.
func channelsLastPooling(
  _ window: WindowAttributes, ceilMode: Bool, x: [Int], y: [Int]
) -> ChannelsLastPooling? {
  guard x.count == 4, y.count == 4 else { return nil }
  return poolingShape(window, ceilMode: ceilMode, x: channelsFirst(x), y: channelsFirst(y))
    .map(ChannelsLastPooling.init)
}
