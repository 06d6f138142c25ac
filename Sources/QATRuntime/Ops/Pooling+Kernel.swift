import QATCore
import QATIR
import QATKernels

extension MaxPool: Executable {
  /// Two-dimensional pooling of floats or codes, without indices.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.results.count == 1, [.f32, .u8, .i8].contains(request.element(0)),
      let shape = poolingShape(
        window, ceilMode: ceilMode, x: request.shape(0), y: request.resultShape())
    else { return nil }
    let pool = request.pool
    if request.element(0) != .f32 {
      return Kernel { call in
        PoolingKernels.maximumCodes(shape, x: call[0], y: call.result(), pool)
      }
    }
    return Kernel { call in
      PoolingKernels.maximum(shape, x: call[0], y: call.result(), indices: nil, pool)
    }
  }
}

extension MaxPoolGradient: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32,
      let shape = poolingShape(
        forward.window, ceilMode: forward.ceilMode, x: request.shape(1), y: request.shape(0))
    else { return nil }
    let pool = request.pool
    return Kernel(scratchByteCount: request.shape(0).reduce(1, *) * 12) { call in
      guard let scratch = call.scratch else { return }
      PoolingKernels.maximumGradient(
        shape, dy: call[0], x: call[1], dx: call.result(), pool, scratch: scratch)
    }
  }
}

/// The sizes of a two-dimensional pooling of images that are not empty.
func poolingShape(
  _ window: WindowAttributes, ceilMode: Bool, x: [Int], y: [Int]
) -> PoolingShape? {
  guard x.count == 4, y.count == 4, !x.contains(0), !y.contains(0), window.kernelShape.count == 2
  else { return nil }
  let axes = window.resolved(
    input: Array(x[2...]), kernel: window.kernelShape, ceilMode: ceilMode)
  guard axes.map(\.output) == Array(y[2...]) else { return nil }
  return PoolingShape(
    x: x, y: y, kernel: window.kernelShape, strides: axes.map(\.stride),
    dilations: axes.map(\.dilation), pads: axes.map(\.padBegin) + axes.map(\.padEnd))
}

extension AveragePool: Executable {
  /// Two-dimensional pooling of floats.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32,
      let shape = poolingShape(
        window, ceilMode: ceilMode, x: request.shape(0), y: request.resultShape())
    else { return nil }
    let pool = request.pool, countsPadding = countIncludePad
    return Kernel { call in
      PoolingKernels.average(
        shape, countsPadding: countsPadding, x: call[0], y: call.result(), pool)
    }
  }
}

extension AveragePoolGradient: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32,
      let shape = poolingShape(
        forward.window, ceilMode: forward.ceilMode, x: request.shape(1), y: request.shape(0))
    else { return nil }
    let pool = request.pool, countsPadding = forward.countIncludePad
    return Kernel { call in
      PoolingKernels.averageGradient(
        shape, countsPadding: countsPadding, dy: call[0], dx: call.result(), pool)
    }
  }
}
