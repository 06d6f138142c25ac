import QATCore
import QATIR
import QATKernels

extension Softmax: Executable {
  /// Along the last axis.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    normalizer(.softmax, axis: axis, request)
  }
}

extension LogSoftmax: Executable {
  /// Along the last axis.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    normalizer(.logSoftmax, axis: axis, request)
  }
}

private func normalizer(
  _ kind: RowKernels.Normalizer, axis: Int, _ request: KernelRequest
) -> Kernel? {
  let shape = request.shape(0), pool = request.pool
  guard request.element(0) == .f32, !shape.contains(0), let columns = shape.last,
    axis == -1 || axis == shape.count - 1
  else { return nil }
  return Kernel { call in
    RowKernels.normalize(kind, columns: columns, x: call[0], y: call.result(), pool)
  }
}

extension LayerNormalization: Executable {
  /// Without the statistics as results; scale and bias shaped as the normalized axes.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let shape = request.shape(0), first = axis < 0 ? axis + shape.count : axis
    guard request.results.count == 1, shape.indices.contains(first), !shape.contains(0) else {
      return nil
    }
    let row = Array(shape[first...])
    guard (0...2).allSatisfy({ !request.isPresent($0) || request.element($0) == .f32 }),
      request.shape(1) == row, !request.isPresent(2) || request.shape(2) == row
    else { return nil }
    let pool = request.pool, epsilon = epsilon, columns = row.reduce(1, *)
    return Kernel { call in
      RowKernels.layerNorm(
        columns: columns, x: call[0], gamma: call[1], beta: call.optional(2), epsilon: epsilon,
        y: call.result(), pool)
    }
  }
}

extension LRN: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let shape = request.shape(0), reach = (size ?? 1) - 1
    guard request.element(0) == .f32, !shape.contains(0) else { return nil }
    let layout = (batch: shape[0], channels: shape[1], inner: shape[2...].reduce(1, *))
    let share = alpha / Float(reach + 1), beta = beta, bias = bias, pool = request.pool
    return Kernel { call in
      RowKernels.localResponse(
        layout, before: reach / 2, behind: (reach + 1) / 2, share: share, beta: beta, bias: bias,
        x: call[0], y: call.result(), pool)
    }
  }
}

extension GlobalAveragePool: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let shape = request.shape(0)
    guard request.element(0) == .f32, shape.count > 2, !shape.contains(0) else { return nil }
    let planes = shape[0] * shape[1], pixels = shape[2...].reduce(1, *)
    return Kernel { call in
      RowKernels.reduce(
        .mean, outer: planes, axis: pixels, inner: 1, x: call[0], y: call.result())
    }
  }
}

extension GlobalAveragePoolGradient: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let shape = request.shape(1)
    guard request.element(0) == .f32, shape.count > 2, !shape.contains(0) else { return nil }
    let pixels = shape[2...].reduce(1, *)
    return Kernel { call in
      RowKernels.spread(call[0], times: 1 / Float(pixels), columns: pixels, y: call.result())
    }
  }
}
