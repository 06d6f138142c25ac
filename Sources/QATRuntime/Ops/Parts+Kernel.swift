import QATCore
import QATIR
import QATKernels

// Operations that pick or replace whole parts of a tensor by indices.

extension Gather: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let x = request.shape(0), axis = try checkedAxis(axis, rank: x.count)
    guard isMovable(request) else { return nil }
    let inner = x[(axis + 1)...].reduce(1, *)
    return partsKernel(request, of: inner) { indices throws(Diagnostic) in
      try gatheredParts(x, axis: axis, indices)
    }
  }
}

extension GatherND: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let x = request.shape(0), tuples = request.shape(1), batch = batchDimensions
    guard isMovable(request), let length = tuples.last else { return nil }
    let inner = x[(batch + length)...].reduce(1, *)
    return partsKernel(request, of: inner) { indices throws(Diagnostic) in
      try indexedParts(x, indices, shape: tuples, batchDimensions: batch)
    }
  }
}

extension ScatterND: Executable {
  /// Where updates replace what is there.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let x = request.shape(0), tuples = request.shape(1)
    guard reduction == .none, isMovable(request), let length = tuples.last else { return nil }
    let inner = x[length...].reduce(1, *)
    return Kernel { call throws(Diagnostic) in
      let parts = try indexedParts(
        x, AnyTensor(copying: call[1]).integers ?? [], shape: tuples, batchDimensions: 0)
      call.result().copy(from: call[0])
      MovementKernels.copyParts(
        of: inner, count: parts.count, from: call[2], nil, to: call.result(), parts)
    }
  }
}

/// A kernel that takes parts of `size` elements that its second operand points to.
private func partsKernel(
  _ request: KernelRequest, of size: Int,
  _ parts: @escaping ([Int]) throws(Diagnostic) -> [Int]
) -> Kernel {
  Kernel { call throws(Diagnostic) in
    let parts = try parts(AnyTensor(copying: call[1]).integers ?? [])
    MovementKernels.copyParts(
      of: size, count: parts.count, from: call[0], parts, to: call.result(), nil)
  }
}
