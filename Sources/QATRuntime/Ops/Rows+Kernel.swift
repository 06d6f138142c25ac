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

/// The length of the rows, where a kernel takes them: the last axis, in float32.
private func columns(_ request: KernelRequest, _ axis: Int) -> Int? {
  let shape = request.resultShape()
  guard request.element(0) == .f32, !shape.contains(0), axis == -1 || axis == shape.count - 1
  else { return nil }
  return shape.last
}

private func normalizer(
  _ kind: RowKernels.Normalizer, axis: Int, _ request: KernelRequest
) -> Kernel? {
  let pool = request.pool
  guard let columns = columns(request, axis) else { return nil }
  return Kernel { call in
    RowKernels.normalize(kind, columns: columns, x: call[0], y: call.result(), pool)
  }
}

extension SoftmaxGradient: Executable {
  /// Along the last axis.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    normalizerGradient(.softmax, axis: axis, request)
  }
}

extension LogSoftmaxGradient: Executable {
  /// Along the last axis.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    normalizerGradient(.logSoftmax, axis: axis, request)
  }
}

private func normalizerGradient(
  _ kind: RowKernels.Normalizer, axis: Int, _ request: KernelRequest
) -> Kernel? {
  let pool = request.pool
  guard let columns = columns(request, axis) else { return nil }
  return Kernel { call in
    RowKernels.normalizeGradient(
      kind, columns: columns, dy: call[0], y: call[1], dx: call.result(), pool)
  }
}

extension LayerNormalization: Executable {
  /// Scale and bias shaped as the normalized axes, or the number 1 as the scale.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard stashType == .f32, let rows = NormalizedRows(request, axis: axis, of: 0, scale: 1),
      !request.isPresent(2) || (request.shape(2) == rows.shape && !rows.isUnscaled),
      (0...2).allSatisfy({ !request.isPresent($0) || request.element($0) == .f32 })
    else { return nil }
    let pool = request.pool, epsilon = epsilon
    return Kernel { call in
      func result(_ index: Int) -> MutableTensorView? {
        index < call.results.count ? call.results[index] : nil
      }
      RowKernels.layerNorm(
        columns: rows.columns, x: call[0], gamma: rows.isUnscaled ? nil : call[1],
        beta: call.optional(2), epsilon: epsilon, y: call.result(), mean: result(1),
        inverse: result(2), pool)
    }
  }
}

extension LayerNormalizationGradient: Executable {
  /// With a scale as the layer's kernel takes it.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard let rows = NormalizedRows(request, axis: axis, of: 1, scale: 2),
      (0...2).allSatisfy({ request.element($0) == .f32 }),
      !rows.isUnscaled || request.results.count == 1
    else { return nil }
    let pool = request.pool, epsilon = epsilon, count = rows.count
    return Kernel(scratchByteCount: count * 8) { call in
      guard let scratch = call.scratch else { return }
      RowKernels.layerNormGradient(
        columns: rows.columns, dy: call[0], x: call[1], gamma: rows.isUnscaled ? nil : call[2],
        epsilon: epsilon, dx: call.result(), dgamma: call.results.count > 1 ? call.results[1] : nil,
        mean: scratch.floats(at: 0, count: count), inverse: scratch.floats(at: count, count: count),
        pool)
    }
  }
}

extension RMSNormalization: Executable {
  /// A scale shaped as the normalized axes.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32, request.element(1) == .f32,
      let rows = NormalizedRows(request, axis: axis, of: 0, scale: 1), !rows.isUnscaled
    else { return nil }
    let pool = request.pool, epsilon = epsilon
    return Kernel { call in
      RowKernels.rmsNorm(
        columns: rows.columns, x: call[0], gamma: call[1], epsilon: epsilon, y: call.result(), pool)
    }
  }
}

/// The axes of a tensor from one on, normalized together.
private struct NormalizedRows {
  let shape: [Int]
  let count: Int
  /// Whether the scale is the number 1.
  let isUnscaled: Bool

  var columns: Int { shape.reduce(1, *) }

  /// `nil` for an empty tensor, and for a scale that is neither of these axes nor 1.
  init?(_ request: KernelRequest, axis: Int, of operand: Int, scale: Int) {
    let x = request.shape(operand), first = axis < 0 ? axis + x.count : axis
    guard x.indices.contains(first), !x.contains(0) else { return nil }
    shape = Array(x[first...])
    count = x[..<first].reduce(1, *)
    isUnscaled = request.constant(scale).map { $0.elementCount == 1 && $0.doubles == [1] } ?? false
    guard request.shape(scale) == shape || isUnscaled else { return nil }
  }
}

extension InstanceNormalization: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    groupNormalization(request)
  }
}

extension GroupNormalization: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    groupNormalization(request)
  }
}

extension GroupNormalizing {
  fileprivate func groupNormalization(_ request: KernelRequest) -> Kernel? {
    guard request.element(0) == .f32, !request.shape(0).contains(0) else { return nil }
    let x = CodeLayout(shape: request.shape(0), axis: 1), groups = groupCount ?? x.channels
    let pool = request.pool, epsilon = epsilon
    return Kernel { call in
      RowKernels.groupNorm(
        batch: x.outer, groups: groups, channels: x.channels, inner: x.inner, x: call[0],
        scale: call[1], bias: call[2], epsilon: epsilon, y: call.result(), pool)
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
    let pool = request.pool
    return Kernel { call in
      RowKernels.reduce(
        .mean, outer: planes, axis: pixels, inner: 1, x: call[0], y: call.result(), pool)
    }
  }
}

extension GlobalAveragePoolGradient: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let shape = request.shape(1)
    guard request.element(0) == .f32, shape.count > 2, !shape.contains(0) else { return nil }
    let pixels = shape[2...].reduce(1, *), pool = request.pool
    return Kernel { call in
      RowKernels.spread(
        call[0], times: 1 / Float(pixels), columns: pixels, y: call.result(), pool)
    }
  }
}
