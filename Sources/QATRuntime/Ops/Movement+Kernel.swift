import QATCore
import QATIR
import QATKernels

extension Transpose: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let x = request.shape(0), y = request.resultShape()
    let strides = rowMajorStrides(x)
    let permuted = permutation(rank: x.count).map { strides[$0] }
    guard isMovable(request),
      let box = StridedBox(
        y, permuted, of: x.reduce(1, *), rowMajorStrides(y), of: y.reduce(1, *))
    else { return nil }
    return Kernel { call in MovementKernels.copy(box, from: call[0], to: call.result()) }
  }
}

extension Expand: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let x = request.shape(0), y = request.resultShape()
    guard isMovable(request),
      let box = StridedBox(
        y, broadcastStrides(x, to: y), of: x.reduce(1, *), rowMajorStrides(y), of: y.reduce(1, *))
    else { return nil }
    return Kernel { call in MovementKernels.copy(box, from: call[0], to: call.result()) }
  }
}

extension Slice: Executable {
  /// With constant bounds.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let x = request.shape(0), y = request.resultShape()
    guard isMovable(request), let starts = request.constant(1)?.integers,
      let ends = request.constant(2)?.integers
    else { return nil }
    for optional in [3, 4] where request.isPresent(optional) && request.constant(optional) == nil {
      return nil
    }
    let axes = request.constant(3)?.integers ?? Array(starts.indices)
    let sizes = request.constant(4)?.integers ?? starts.map { _ in 1 }
    var strides = rowMajorStrides(x)
    let whole = strides
    var start = 0
    for (entry, given) in axes.enumerated() {
      let axis = given < 0 ? given + x.count : given
      let range = SliceRange(
        size: x[axis], start: starts[entry], end: ends[entry], step: sizes[entry])
      strides[axis] = range.step * whole[axis]
      start += range.start * whole[axis]
    }
    guard
      let box = StridedBox(
        y, from: start, strides, of: x.reduce(1, *), rowMajorStrides(y), of: y.reduce(1, *))
    else { return nil }
    return Kernel { call in MovementKernels.copy(box, from: call[0], to: call.result()) }
  }
}

extension Concat: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let y = request.resultShape(), strides = rowMajorStrides(y), count = y.reduce(1, *)
    let axis = axis < 0 ? axis + y.count : axis
    guard isMovable(request), y.indices.contains(axis) else { return nil }
    var boxes: [StridedBox] = []
    var position = 0
    for index in request.operands.indices {
      let x = request.shape(index)
      guard
        let box = StridedBox(
          x, rowMajorStrides(x), of: x.reduce(1, *), to: position * strides[axis], strides,
          of: count)
      else { return nil }
      boxes.append(box)
      position += x[axis]
    }
    return Kernel { call in
      for (index, box) in boxes.enumerated() {
        MovementKernels.copy(box, from: call[index], to: call.result())
      }
    }
  }
}

extension Split: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let x = request.shape(0), strides = rowMajorStrides(x), count = x.reduce(1, *)
    let axis = axis < 0 ? axis + x.count : axis
    guard isMovable(request), x.indices.contains(axis) else { return nil }
    var boxes: [StridedBox?] = []
    var position = 0
    for index in request.results.indices {
      guard request.results[index] != nil else { return nil }
      let y = request.resultShape(index)
      let box = StridedBox(
        y, from: position * strides[axis], strides, of: count, rowMajorStrides(y),
        of: y.reduce(1, *))
      if box == nil { return nil }
      boxes.append(box)
      position += y[axis]
    }
    return Kernel { call in
      for (index, box) in boxes.enumerated() {
        if let box { MovementKernels.copy(box, from: call[0], to: call.result(index)) }
      }
    }
  }
}

/// Whether elements have whole bytes, so that moving them is copying memory.
private func isMovable(_ request: KernelRequest) -> Bool {
  (request.element(0)?.bitWidth ?? 0) >= 8
}
